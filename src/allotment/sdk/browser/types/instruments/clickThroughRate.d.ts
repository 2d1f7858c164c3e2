/**
 * The click-through rate of elements: an impression when one is really in view, once, and every
 * click on it. The events of one element share a funnel token and are numbered 1, 2, ….
 */
import type { Instrumentation, Sender } from "../instrument.js";
export interface ClickThroughRateOptions {
    /** CSS selector; the first element that matches is watched. */
    readonly selector: string;
    /** What people call the element; stands on the events as `element_friendly_name`. */
    readonly friendlyName: string;
    /** Watches every element that matches, also those that come into the page later. */
    readonly many?: boolean;
}
/** What is watched under one selector. */
export interface ClickThroughRateState {
    readonly selector: string;
    readonly friendlyName: string;
    readonly instrument: Sender;
    /** The first that is watched; null while there is none. */
    readonly element: Element | null;
    /** The token of that element, empty while there is none; each further one has its own. */
    readonly funnelEntryToken: string;
}
declare function stop(state: ClickThroughRateState | null): void;
/** The same, in the words of the original. A second start of the same goes on with the first. */
export declare const ClickThroughRateInstrument: {
    /**
     * Watches the first element that matches.
     *
     * @param instrument - an instrument or an experiment; it sends the events
     * @returns null, with a warning, where nothing matches
     */
    start: (selector: string, friendlyName: string, instrument: Sender) => ClickThroughRateState | null;
    /** Watches every element that matches, also those that come into the page later. */
    startMany: (selector: string, friendlyName: string, instrument: Sender) => ClickThroughRateState;
    /** Ends it: no further events. What is not watched is passed over. */
    stop: typeof stop;
    /** The same as `stop`. */
    stopMany: typeof stop;
};
/** For `use`: `allotment.getInstrument("x").use(clickThroughRate({selector, friendlyName}))`. */
export declare function clickThroughRate(options: ClickThroughRateOptions): Instrumentation;
export {};
