/**
 * Events that could not be sent, kept in the browser for the next page: at most 200, the
 * oldest give way. They keep their `meta.id`, by which the intake knows a double.
 */
/**
 * Adds events (as JSON) to those that are kept.
 *
 * @returns how many were lost by it; null where the browser keeps nothing
 */
export declare function keep(url: string, events: readonly string[]): number | null;
/** What is kept; from now on it is not. */
export declare function takeKept(url: string): string[];
