/**
 * Groups that the answer with the page tells in its header `Server-Timing`: an edge in front of the
 * site enrolls readers so, also into pages that come out of a cache.
 */
import { AWAITING, parseEnrollments, SERVER_TIMING } from "./enrollments.js";
import type { Integration } from "./integration.js";
export { AWAITING, parseEnrollments, SERVER_TIMING };
export interface ServerTimingOptions {
    /** Name of the header's entry: `WMF-Uniq`, unless the edge calls it otherwise. */
    readonly entry?: string;
}
/**
 * An integration that takes groups from the page's `Server-Timing`, and everything else from
 * another. A forced group wins over the header, the header over what the page says. The subject ids
 * are `awaiting`: the edge adds them to requests for events. An experiment whose groups the page
 * names takes no other.
 */
export declare function withServerTiming(integration: Integration, { entry }?: ServerTimingOptions): Integration;
