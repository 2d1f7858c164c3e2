/**
 * SHA-256 (FIPS 180-4), synchronous: the browser's own is asynchronous, and a page must know its
 * group before it draws.
 */

interface Constants {
  readonly rounds: Int32Array;
  readonly start: Int32Array;
  /** Two digits for each byte. */
  readonly hex: readonly string[];
  /** Of the block that is being worked on, so that no block needs memory of its own. */
  readonly words: Int32Array;
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
    rounds: Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)) | 0),
    start: Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)) | 0),
    hex: Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0")),
    words: new Int32Array(64),
  };
}

/** The digest as eight numbers of 32 bits. */
export function sha256(message: Uint8Array): Int32Array {
  const made = (constants ??= makeConstants());
  const { length } = message;
  const blocks = Math.ceil((length + 9) / 64);
  const padded = new Uint8Array(blocks * 64);
  padded.set(message);
  padded[length] = 0x80;
  // The length in bits is a 64-bit number; 2^32 bits are reached at half a gigabyte only.
  let bits = length * 8;
  for (let at = padded.length - 1; bits > 0; at--, bits = Math.floor(bits / 256)) padded[at] = bits;

  const state = made.start.slice();
  for (let block = 0; block < blocks; block++) compress(state, made, padded, block * 64);
  return state;
}

/** A digest as 64 lower-case hexadecimal digits. */
export function hex(digest: Int32Array): string {
  const { hex: digits } = (constants ??= makeConstants());
  let text = "";
  for (const word of digest) {
    for (let by = 24; by >= 0; by -= 8) text += digits[(word >>> by) & 0xff];
  }
  return text;
}

const turn = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

function compress(
  state: Int32Array,
  { rounds, words }: Constants,
  bytes: Uint8Array,
  offset: number,
): void {
  const at = (numbers: Int32Array | Uint8Array, index: number): number => numbers[index] as number;
  for (let i = 0, from = offset; i < 16; i++, from += 4) {
    words[i] =
      (at(bytes, from) << 24) |
      (at(bytes, from + 1) << 16) |
      (at(bytes, from + 2) << 8) |
      at(bytes, from + 3);
  }
  for (let i = 16; i < 64; i++) {
    const early = at(words, i - 15);
    const late = at(words, i - 2);
    const small0 = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const small1 = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    words[i] = at(words, i - 16) + small0 + at(words, i - 7) + small1;
  }
  let a = at(state, 0);
  let b = at(state, 1);
  let c = at(state, 2);
  let d = at(state, 3);
  let e = at(state, 4);
  let f = at(state, 5);
  let g = at(state, 6);
  let h = at(state, 7);
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
  state[0] = at(state, 0) + a;
  state[1] = at(state, 1) + b;
  state[2] = at(state, 2) + c;
  state[3] = at(state, 3) + d;
  state[4] = at(state, 4) + e;
  state[5] = at(state, 5) + f;
  state[6] = at(state, 6) + g;
  state[7] = at(state, 7) + h;
}
