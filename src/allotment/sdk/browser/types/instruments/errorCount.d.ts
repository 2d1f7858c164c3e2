/**
 * Errors of the page's scripts: `error` for each that nobody caught, with its class, such as
 * `TypeError`, in `action_subtype`. Messages and addresses are not sent: they may hold what
 * concerns a person.
 */
import type { Instrumentation } from "../instrument.js";
export interface ErrorCountOptions {
    /** How many a page sends at most; 10 without it. A broken loop must not flood the intake. */
    readonly most?: number;
}
export declare function errorCount({ most }?: ErrorCountOptions): Instrumentation;
