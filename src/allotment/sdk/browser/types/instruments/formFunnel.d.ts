/**
 * The way through a form: `form_start` at the first input, `form_submit`, or `form_abandon` where
 * the page is left in between. The events of one passage share a funnel token and are numbered.
 * What people type is not read.
 */
import type { Instrumentation } from "../instrument.js";
export interface FormFunnelOptions {
    /** CSS selector of the form; it may come into the page later. */
    readonly selector: string;
    /** What people call the form; stands on the events as `funnel_name`. */
    readonly friendlyName: string;
}
export declare function formFunnel({ selector, friendlyName }: FormFunnelOptions): Instrumentation;
