/**
 * The click-through rate of one element: an impression when it is really in view, once, and every
 * click on it. The events of one start share a funnel token and are numbered 1, 2, ….
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
}

/** One element that is watched. */
export interface ClickThroughRateState {
  readonly selector: string;
  readonly friendlyName: string;
  /** Null while the page is still being read. */
  readonly element: Element | null;
  readonly funnelEntryToken: string;
  readonly instrument: Sender;
}

/** Of this module's watches, those that are on. */
const watches = new Set<Watch>();

class Watch implements ClickThroughRateState {
  readonly funnelEntryToken = randomToken();
  element: Element | null = null;
  private position = 0;
  private seen = false;
  private enough = ENOUGH;
  private observer: IntersectionObserver | undefined;
  private resizes: ResizeObserver | undefined;

  constructor(
    readonly selector: string,
    readonly friendlyName: string,
    readonly instrument: Sender,
  ) {}

  /** Whether the element is there and is watched from now on. */
  begin(): boolean {
    this.element = document.querySelector(this.selector);
    if (!this.element) return false;
    // At the window and on the way down, so that no handler of the page can hide a click.
    addEventListener("click", this.onClick, true);
    document.addEventListener("visibilitychange", this.observe);
    this.observe();
    if (typeof ResizeObserver === "function") {
      // A placeholder that is filled later need not cross a threshold.
      this.resizes = new ResizeObserver(this.observe);
      this.resizes.observe(this.element);
    }
    return true;
  }

  end(): void {
    this.endObserving();
    removeEventListener("click", this.onClick, true);
    document.removeEventListener("DOMContentLoaded", this.onParsed);
  }

  /** Begins once the page is parsed. */
  readonly onParsed = (): void => {
    if (!this.begin()) {
      watches.delete(this);
      warnMissing(this.selector);
    }
  };

  private endObserving(): void {
    this.observer?.disconnect();
    this.resizes?.disconnect();
    document.removeEventListener("visibilitychange", this.observe);
  }

  private readonly observe = (): void => {
    this.observer?.disconnect();
    if (this.seen || !this.element) return;
    this.observer = new IntersectionObserver((entries) => this.onView(entries), {
      threshold: [0, this.enough],
    });
    this.observer.observe(this.element);
  };

  private onView(entries: readonly IntersectionObserverEntry[]): void {
    const entry = entries[entries.length - 1];
    // An observer reports an element that is out of view as well, to begin with.
    if (!entry?.isIntersecting || this.seen || document.visibilityState === "hidden") return;
    const { width, height } = entry.boundingClientRect;
    if (width * height === 0) return;
    const view = entry.rootBounds ?? { width: innerWidth, height: innerHeight };
    const most = (Math.min(width, view.width) * Math.min(height, view.height)) / (width * height);
    const enough = Math.min(ENOUGH, most * NEARLY_ALL);
    if (entry.intersectionRatio >= enough) {
      this.seen = true;
      this.endObserving();
      this.send("impression");
    } else if (Math.abs(enough - this.enough) > 0.001) {
      this.enough = enough;
      this.observe();
    }
  }

  private readonly onClick = (event: Event): void => {
    if (!this.element || !event.composedPath().includes(this.element)) return;
    // The impression may be known already and not told yet.
    this.onView(this.observer?.takeRecords() ?? []);
    this.send("click");
  };

  private send(action: string): void {
    this.instrument.submitInteraction(action, {
      element_friendly_name: this.friendlyName,
      funnel_entry_token: this.funnelEntryToken,
      funnel_event_sequence_position: ++this.position,
    });
  }
}

/** The same, in the words of the original: `start` and `stop`. */
export const ClickThroughRateInstrument = {
  /**
   * Watches the first element that matches. A second start of the same goes on with the first.
   *
   * @param instrument - an instrument or an experiment; it sends the events
   * @returns null, with a warning, where nothing matches or the browser cannot tell what is in view
   */
  start(selector: string, friendlyName: string, instrument: Sender): ClickThroughRateState | null {
    for (const watch of watches) {
      if (watch.selector === selector && watch.instrument === instrument) return watch;
    }
    if (typeof IntersectionObserver !== "function") {
      console.warn("[allotment] This browser cannot tell what is in view; nothing is measured.");
      return null;
    }
    const watch = new Watch(selector, friendlyName, instrument);
    if (!watch.begin()) {
      if (document.readyState !== "loading") {
        warnMissing(selector);
        return null;
      }
      document.addEventListener("DOMContentLoaded", watch.onParsed);
    }
    watches.add(watch);
    return watch;
  },

  /** Ends it: no further events. What is not watched is passed over. */
  stop(state: ClickThroughRateState | null): void {
    for (const watch of watches) {
      if (watch === state) {
        watch.end();
        watches.delete(watch);
      }
    }
  },
};

/** For `use`: `allotment.getInstrument("x").use(clickThroughRate({selector, friendlyName}))`. */
export function clickThroughRate(options: ClickThroughRateOptions): Instrumentation {
  return (sender) => {
    ClickThroughRateInstrument.start(options.selector, options.friendlyName, sender);
  };
}

function warnMissing(selector: string): void {
  console.warn(`[allotment] Nothing matches ${selector}; its click-through rate is not measured.`);
}
