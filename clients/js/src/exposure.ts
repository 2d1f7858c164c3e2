/**
 * Which exposures were told already: in a page by the caller's set, in a session by
 * `sessionStorage`, as the moment and how many so far. The first ten of a session are told again
 * after five minutes, further ones after a day.
 */

const SHORT_MS = 5 * 60_000;
const LONG_MS = 24 * 3_600_000;
const OFTEN = 10;

/** Whether this exposure is to be told. `resetAt` (ms): what was told before does not count. */
export function isDue(key: string, resetAt: number): boolean {
  const [at, count] = told(key);
  return at < resetAt || at + (count > OFTEN ? LONG_MS : SHORT_MS) <= Date.now();
}

/** Remembers for this session that an exposure was told. */
export function remember(key: string): void {
  try {
    sessionStorage[key] = [Date.now(), told(key)[1] + 1];
  } catch {
    // A browser that keeps nothing: the page's own set must do.
  }
}

function told(key: string): [at: number, count: number] {
  try {
    return sessionStorage[key].split(",").map(Number);
  } catch {
    return [0, 0];
  }
}
