/**
 * SHA-256 (FIPS 180-4), synchronous: the browser's own is asynchronous, and a page must know its
 * group before it draws.
 */

/** What all digests share, so that none needs memory of its own. */
interface Tools {
  readonly rounds: Int32Array;
  readonly start: Int32Array;
  /** Two digits for each byte. */
  readonly hex: readonly string[];
  /** Of the block that is being worked on. */
  readonly words: Int32Array;
  readonly encoder: TextEncoder;
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
}
let tools: Tools | undefined;

/** With the first 32 bits of the fractions of the roots of the first primes. */
function makeTools(): Tools {
  const fraction = (root: number): number => (root - Math.floor(root)) * 2 ** 32;
  const primes: number[] = [];
  for (let number = 2; primes.length < 64; number++) {
    if (primes.every((prime) => number % prime)) primes.push(number);
  }
  return {
    rounds: Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)) | 0),
    start: Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)) | 0),
    hex: Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0")),
    words: new Int32Array(64),
    encoder: new TextEncoder(),
    ...room(512),
  };
}

function room(size: number): Pick<Tools, "bytes" | "view"> {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** The digest of a text's UTF-8 as eight numbers of 32 bits. A lone surrogate counts as U+FFFD. */
export function sha256(text: string): Int32Array {
  const made = (tools ??= makeTools());
  // No UTF-16 unit takes more than three bytes; the padding takes up to 72.
  const most = 3 * text.length + 72;
  if (made.bytes.length < most) Object.assign(made, room(2 * most));
  const { bytes, view } = made;
  const length = made.encoder.encodeInto(text, bytes).written;
  const end = (length + 72) & ~63;
  bytes.fill(0, length, end);
  bytes[length] = 0x80;
  // The length in bits is a 64-bit number; no text is so long that more than 32 of them are used.
  view.setUint32(end - 4, length * 8);

  const state = made.start.slice();
  for (let block = 0; block < end; block += 64) compress(state, made, block);
  return state;
}

/** A digest as 64 lower-case hexadecimal digits. */
export function hex(digest: Int32Array): string {
  const { hex: digits } = (tools ??= makeTools());
  let text = "";
  for (const word of digest) {
    for (let by = 24; by >= 0; by -= 8) text += digits[(word >>> by) & 0xff];
  }
  return text;
}

const turn = (word: number, by: number): number => (word >>> by) | (word << (32 - by));
/** Three turns at once: by `third`, by `second` more, and by `first` more. */
const turns = (word: number, first: number, second: number, third: number): number =>
  turn(turn(turn(word, first) ^ word, second) ^ word, third);
const at = (numbers: Int32Array, index: number): number => numbers[index] as number;

function compress(state: Int32Array, { rounds, words, view }: Tools, block: number): void {
  let a = at(state, 0);
  let b = at(state, 1);
  let c = at(state, 2);
  let d = at(state, 3);
  let e = at(state, 4);
  let f = at(state, 5);
  let g = at(state, 6);
  let h = at(state, 7);
  for (let i = 0; i < 64; i++) {
    if (i < 16) {
      words[i] = view.getInt32(block + 4 * i);
    } else {
      const early = at(words, i - 15);
      const late = at(words, i - 2);
      const small0 = turn(turn(early, 11) ^ early, 7) ^ (early >>> 3);
      const small1 = turn(turn(late, 2) ^ late, 17) ^ (late >>> 10);
      words[i] = at(words, i - 16) + small0 + at(words, i - 7) + small1;
    }
    const choice = g ^ (e & (f ^ g));
    const majority = (a & b) | (c & (a | b));
    const first = (h + turns(e, 14, 5, 6) + choice + at(rounds, i) + at(words, i)) | 0;
    const second = turns(a, 9, 11, 2) + majority;
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
