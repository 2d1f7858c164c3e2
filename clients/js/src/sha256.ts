/**
 * SHA-256 (FIPS 180-4), synchronous: the browser's own is asynchronous, and a page must know its
 * group before it draws.
 */

interface Constants {
  readonly rounds: Uint32Array;
  readonly start: Uint32Array;
}
let constants: Constants | undefined;

/** The first 32 bits of the fractions of the roots of the first primes. */
function makeConstants(): Constants {
  const fraction = (root: number): number => (root - Math.floor(root)) * 2 ** 32;
  const primes: number[] = [];
  for (let number = 2; primes.length < 64; number++) {
    if (primes.every((prime) => number % prime !== 0)) primes.push(number);
  }
  return {
    rounds: Uint32Array.from(primes, (prime) => fraction(Math.cbrt(prime))),
    start: Uint32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime))),
  };
}

/** The digest as 64 lower-case hexadecimal digits. */
export function sha256(message: Uint8Array): string {
  const blocks = Math.ceil((message.length + 9) / 64);
  const padded = new Uint8Array(blocks * 64);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  // The length in bits is a 64-bit number; 2^32 bits are reached at half a gigabyte only.
  view.setUint32(padded.length - 8, Math.floor(message.length / 2 ** 29));
  view.setUint32(padded.length - 4, (message.length << 3) >>> 0);

  const { rounds, start } = (constants ??= makeConstants());
  const state = start.slice();
  for (let block = 0; block < blocks; block++) compress(state, rounds, view, block * 64);
  return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("");
}

function compress(
  state: Uint32Array,
  rounds: Uint32Array,
  view: DataView,
  offset: number,
): void {
  const at = (words: Uint32Array, index: number): number => words[index] as number;
  const turn = (word: number, by: number): number => (word >>> by) | (word << (32 - by));
  const words = new Uint32Array(64);
  for (let i = 0; i < 64; i++) {
    if (i < 16) {
      words[i] = view.getUint32(offset + i * 4);
      continue;
    }
    const early = at(words, i - 15);
    const late = at(words, i - 2);
    const small0 = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const small1 = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    words[i] = at(words, i - 16) + small0 + at(words, i - 7) + small1;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    number, number, number, number, number, number, number, number,
  ];
  for (let i = 0; i < 64; i++) {
    const big1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
    const first = (h + big1 + ((e & f) ^ (~e & g)) + at(rounds, i) + at(words, i)) | 0;
    const big0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
    const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => {
    state[i] = at(state, i) + word;
  });
}
