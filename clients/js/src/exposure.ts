/**
 * Which exposures were told already: in a page by the caller's set, in a session by
 * `sessionStorage`. The first ten of a session are told again after five minutes, further ones
 * after a day.
 */

const SHORT_MS = 5 * 60_000;
const LONG_MS = 24 * 3_600_000;
const OFTEN = 10;

interface Told {
  readonly expires_at: number;
  readonly count: number;
  /** When it was told, in ms; a reset passes over what is older. */
  readonly ts: number;
}

/** Whether this exposure is to be told. `resetAt` (ms): what was told before does not count. */
export function isDue(key: string, resetAt: number): boolean {
  const told = readTold(key);
  return !told || told.ts < resetAt || told.expires_at <= Date.now();
}

/** Remembers for this session that an exposure was told. */
export function remember(key: string): void {
  const ts = Date.now();
  const count = (readTold(key)?.count ?? 0) + 1;
  const told: Told = { expires_at: ts + (count > OFTEN ? LONG_MS : SHORT_MS), count, ts };
  try {
    sessionStorage.setItem(key, JSON.stringify(told));
  } catch {
    // A browser that keeps nothing: the page's own set must do.
  }
}

function readTold(key: string): Told | null {
  try {
    return JSON.parse(sessionStorage.getItem(key) as string) as Told | null;
  } catch {
    return null;
  }
}
