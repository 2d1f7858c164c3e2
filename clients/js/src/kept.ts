/**
 * Events that could not be sent, kept in the browser for the next page: at most 200, the
 * oldest give way. They keep their `meta.id`, by which the intake knows a double.
 */

const MAX_KEPT = 200;

/** One list for each intake: a site may have clients for two. */
const keyOf = (url: string): string => `allotment-kept:${url}`;

/**
 * Adds events (as JSON) to those that are kept.
 *
 * @returns how many were lost by it; null where the browser keeps nothing
 */
export function keep(url: string, events: readonly string[]): number | null {
  try {
    const all = [...read(url), ...events];
    const lost = Math.max(0, all.length - MAX_KEPT);
    localStorage.setItem(keyOf(url), JSON.stringify(all.slice(lost)));
    return lost;
  } catch {
    return null;
  }
}

/** What is kept; from now on it is not. */
export function takeKept(url: string): string[] {
  try {
    const found = read(url);
    localStorage.removeItem(keyOf(url));
    return found;
  } catch {
    return [];
  }
}

function read(url: string): string[] {
  const found: unknown = JSON.parse(localStorage.getItem(keyOf(url)) ?? "[]");
  return Array.isArray(found) ? found.filter((text) => typeof text === "string") : [];
}
