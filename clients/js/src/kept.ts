/**
 * Events that no intake has answered for yet, in the browser's storage: an entry for each, so that
 * several tabs never write the same one. Any page of the site may send them; who has the answer
 * removes them. All of it throws where the browser keeps nothing.
 */

/** How many may wait, in a page and in the storage; the oldest give way. */
export const MOST = 500;
/**
 * How long after a request whose answer was not seen its events may be sent again, in ms: well
 * within the time in which the intake knows a double.
 */
const DOUBT_MS = 600_000;

/** One event as JSON. */
export interface Letter {
  /** Its entry in the storage; in their order the oldest is first. */
  readonly _key: string;
  readonly _text: string;
  /** When it was first sent, in ms, if it may have arrived since; 0: it has not. */
  _sentAt?: number;
  /** What was written down of it; undefined: nothing. */
  _kept?: string;
}

/** An event that is to be sent to this intake. */
export function letter(url: string | null, text: string): Letter {
  return { _key: prefix(url) + Date.now() + Math.random(), _text: text };
}

/** Writes it down, with what has become of it. */
export function keep(letter: Letter): void {
  const kept = (letter._sentAt || "") + letter._text;
  if (kept !== letter._kept) localStorage[letter._key] = letter._kept = kept;
}

/** Whether nobody has removed it; what was never written down nobody removes. */
export function isThere({ _key, _kept }: Letter): boolean {
  return !_kept || _key in localStorage;
}

export function remove(key: string): void {
  delete localStorage[key];
}

/** The entries for an intake, the oldest first. */
export function keys(url: string | null): string[] {
  return Object.keys(localStorage).filter((key) => key.startsWith(prefix(url))).sort();
}

/**
 * Reads an entry; null if it may have arrived so long ago that the intake would not know it, or if
 * it is damaged.
 */
export function read(key: string): Letter | null {
  const [kept = "", sentAt, text] = /^(\d*)({.*})$/.exec(localStorage[key]) ?? [];
  if (!text || (sentAt && Date.now() - +sentAt > DOUBT_MS)) return null;
  return { _key: key, _text: text, _sentAt: Number(sentAt), _kept: kept };
}

/** One list for each intake: a site may have clients for two. */
const prefix = (url: string | null): string => `allotment-kept ${url} `;
