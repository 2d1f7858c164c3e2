/**
 * The click-through rate of elements: an impression when one is really in view, once, and every
 * click on it. The events of one element share a funnel token and are numbered 1, 2, ….
 */

import { randomToken } from "../identity.js";
import type { Instrumentation, Sender } from "../instrument.js";

/** In view is half of the element, or as much of it as the viewport can hold. */
const ENOUGH = 0.5;
/** Of an element larger than the viewport; short of 1 because sizes are rounded. */
const NEARLY_ALL = 0.98;

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

type State = { -readonly [key in keyof ClickThroughRateState]: ClickThroughRateState[key] };

/** Of this module's states, those that are on, with what ends them. */
const states = new Map<State, () => void>();

/** Watches one element; gives what ends it. */
function watch(element: Element, state: State): () => void {
  const token = randomToken();
  state.element ??= element;
  state.funnelEntryToken ||= token;
  const ended = new AbortController();
  // At the window and on the way down, so that no handler of the page can hide a click.
  const first = { capture: true, signal: ended.signal };
  let position = 0;
  /** The share that must be in view, as the observer knows it; 0: it was, and was told. */
  let enough = ENOUGH;
  let observer: IntersectionObserver | undefined;

  const send = (action: string): void => {
    state.instrument.submitInteraction(action, {
      element_friendly_name: state.friendlyName,
      funnel_entry_token: token,
      funnel_event_sequence_position: ++position,
    });
  };
  const observe = (): void => {
    observer?.disconnect();
    observer = new IntersectionObserver(onView, { threshold: [0, enough] });
    if (enough) observer.observe(element);
  };
  const onView = (entries: readonly IntersectionObserverEntry[]): void => {
    // An observer reports an element that is out of view as well, to begin with.
    for (const entry of entries) {
      if (!enough || document.hidden) return;
      const { width, height } = entry.boundingClientRect;
      const most = (Math.min(width, innerWidth) * Math.min(height, innerHeight)) / width / height;
      const wanted = Math.min(ENOUGH, most * NEARLY_ALL);
      // Of an element without extent, `wanted` is NaN, and neither holds.
      if (entry.intersectionRatio >= wanted) {
        enough = 0;
        observe();
        send("impression");
      } else if (wanted - enough) {
        enough = wanted;
        observe();
      }
    }
  };
  const onClick = (event: Event): void => {
    if ((event as MouseEvent).button > 1 || !element.contains(event.target as Node)) return;
    // The impression may be known already and not told yet.
    onView((observer as IntersectionObserver).takeRecords());
    send("click");
  };
  // A placeholder that is filled later need not cross a threshold.
  const resizes = new ResizeObserver(observe);
  // The second is what a middle click is.
  for (const type of ["click", "auxclick"]) addEventListener(type, onClick, first);
  addEventListener("visibilitychange", observe, first);
  resizes.observe(element);
  observe();
  return () => {
    ended.abort();
    resizes.disconnect();
    (observer as IntersectionObserver).disconnect();
  };
}

function start(
  selector: string,
  friendlyName: string,
  instrument: Sender,
  many?: boolean,
): ClickThroughRateState | null {
  for (const [state] of states) {
    if (state.selector === selector && state.instrument === instrument) return state;
  }
  const state: State = { selector, friendlyName, instrument, element: null, funnelEntryToken: "" };
  const ends = new Map<Element, () => void>();
  const look = (): void => {
    if (!states.has(state)) return;
    for (const [element, end] of ends) {
      if (element.isConnected) continue;
      end();
      ends.delete(element);
    }
    for (const element of document.querySelectorAll(selector)) {
      if (!ends.has(element) && (many || !ends.size)) ends.set(element, watch(element, state));
    }
    if (!many && !ends.size && document.readyState !== "loading") {
      stop(state);
      console.warn(`[allotment] no ${selector}`);
    }
  };
  const mutations = new MutationObserver(look);
  states.set(state, () => {
    states.delete(state);
    mutations.disconnect();
    for (const end of ends.values()) end();
  });
  if (many) mutations.observe(document, { childList: true, subtree: true });
  // It bubbles. Where the page is read already it does not come any more.
  addEventListener("DOMContentLoaded", look);
  look();
  return states.has(state) ? state : null;
}

function stop(state: ClickThroughRateState | null): void {
  states.get(state as State)?.();
}

/** The same, in the words of the original. A second start of the same goes on with the first. */
export const ClickThroughRateInstrument = {
  /**
   * Watches the first element that matches.
   *
   * @param instrument - an instrument or an experiment; it sends the events
   * @returns null, with a warning, where nothing matches
   */
  start: (selector: string, friendlyName: string, instrument: Sender): ClickThroughRateState | null =>
    start(selector, friendlyName, instrument),

  /** Watches every element that matches, also those that come into the page later. */
  startMany: (selector: string, friendlyName: string, instrument: Sender): ClickThroughRateState =>
    start(selector, friendlyName, instrument, true) as ClickThroughRateState,

  /** Ends it: no further events. What is not watched is passed over. */
  stop,

  /** The same as `stop`. */
  stopMany: stop,
};

/** For `use`: `allotment.getInstrument("x").use(clickThroughRate({selector, friendlyName}))`. */
export function clickThroughRate(options: ClickThroughRateOptions): Instrumentation {
  return (sender) => {
    start(options.selector, options.friendlyName, sender, options.many);
  };
}
