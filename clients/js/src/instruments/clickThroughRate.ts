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
  /** The token of that element; each further one has its own. */
  readonly funnelEntryToken: string;
}

/** Of this module's states, those that are on, with what ends them. */
const states = new Map<ClickThroughRateState, () => void>();
/** The second is what a middle click is. */
const CLICKS = ["click", "auxclick"];

/** Watches one element; gives what ends it. */
function watch(
  element: Element,
  token: string,
  { friendlyName, instrument }: ClickThroughRateState,
): () => void {
  let position = 0;
  let seen = false;
  let enough = ENOUGH;
  let observer: IntersectionObserver | undefined;

  const send = (action: string): void => {
    instrument.submitInteraction(action, {
      element_friendly_name: friendlyName,
      funnel_entry_token: token,
      funnel_event_sequence_position: ++position,
    });
  };
  const observe = (): void => {
    observer?.disconnect();
    if (seen) return;
    observer = new IntersectionObserver(onView, { threshold: [0, enough] });
    observer.observe(element);
  };
  const onView = (entries: readonly IntersectionObserverEntry[]): void => {
    const entry = entries[entries.length - 1];
    // An observer reports an element that is out of view as well, to begin with.
    if (!entry?.isIntersecting || seen || document.visibilityState === "hidden") return;
    const { width, height } = entry.boundingClientRect;
    const area = width * height;
    if (!area) return;
    const most = (Math.min(width, innerWidth) * Math.min(height, innerHeight)) / area;
    const wanted = Math.min(ENOUGH, most * NEARLY_ALL);
    if (entry.intersectionRatio >= wanted) {
      seen = true;
      endObserving();
      send("impression");
    } else if (Math.abs(wanted - enough) > 0.001) {
      enough = wanted;
      observe();
    }
  };
  const onClick = (event: Event): void => {
    if ((event as MouseEvent).button > 1 || !event.composedPath().includes(element)) return;
    // The impression may be known already and not told yet.
    onView(observer?.takeRecords() ?? []);
    send("click");
  };
  // A placeholder that is filled later need not cross a threshold.
  const resizes = new ResizeObserver(observe);
  const endObserving = (): void => {
    observer?.disconnect();
    resizes.disconnect();
    document.removeEventListener("visibilitychange", observe);
  };
  // At the window and on the way down, so that no handler of the page can hide a click.
  for (const type of CLICKS) addEventListener(type, onClick, true);
  document.addEventListener("visibilitychange", observe);
  resizes.observe(element);
  observe();
  return () => {
    endObserving();
    for (const type of CLICKS) removeEventListener(type, onClick, true);
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
  const funnelEntryToken = randomToken();
  const state: { -readonly [key in keyof ClickThroughRateState]: ClickThroughRateState[key] } = {
    selector,
    friendlyName,
    instrument,
    element: null,
    funnelEntryToken,
  };
  const ends = new Map<Element, () => void>();
  const look = (): void => {
    for (const [element, end] of ends) {
      if (many && !element.isConnected) {
        end();
        ends.delete(element);
      }
    }
    for (const element of document.querySelectorAll(selector)) {
      if (ends.has(element) || (!many && ends.size)) continue;
      ends.set(element, watch(element, state.element ? randomToken() : funnelEntryToken, state));
      state.element ??= element;
    }
  };
  const onParsed = (): void => {
    look();
    if (!state.element && !many) {
      stop(state);
      console.warn(`[allotment] Nothing matches ${selector}`);
    }
  };
  const mutations = new MutationObserver(look);
  states.set(state, () => {
    mutations.disconnect();
    document.removeEventListener("DOMContentLoaded", onParsed);
    for (const end of ends.values()) end();
  });
  if (many) mutations.observe(document, { childList: true, subtree: true });
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", onParsed);
    look();
  } else {
    onParsed();
  }
  return states.has(state) ? state : null;
}

function stop(state: ClickThroughRateState | null): void {
  if (!state) return;
  states.get(state)?.();
  states.delete(state);
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
