/** Page visits: one `page_visit` a page, on request with the class of the referrer. */
import type { Instrumentation } from "../instrument.js";
export interface PageVisitOptions {
    /** Puts `no_referrer`, `internal_referrer` or `external_referrer` into `action_source`. */
    readonly recordReferrerClass?: boolean;
}
/** Sends one `page_visit` at once. The referrer itself is not sent. */
export declare function pageVisit({ recordReferrerClass }?: PageVisitOptions): Instrumentation;
