/**
 * Which exposures were told already: in a page by the caller's set, in a session by
 * `sessionStorage`, as the moment and how many so far. The first ten of a session are told again
 * after five minutes, further ones after a day.
 */
/** Whether this exposure is to be told. `resetAt` (ms): what was told before does not count. */
export declare function isDue(key: string, resetAt: number): boolean;
/** Remembers for this session that an exposure was told. */
export declare function remember(key: string): void;
