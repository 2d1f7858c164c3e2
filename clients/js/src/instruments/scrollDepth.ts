/**
 * Scroll depth: `scroll` once for each quarter of the page that came into view, with `25`, `50`,
 * `75` or `100` (per cent of the page's height) in `action_subtype`.
 */

import type { Instrumentation } from "../instrument.js";

/** Watches until the end of the page was seen. What is in view without scrolling counts. */
export function scrollDepth(): Instrumentation {
  return (sender) => {
    let next = 25;
    const look = (): void => {
      const { scrollHeight } = document.documentElement;
      // Sizes are rounded: the last pixel need not be reached.
      const seen = ((scrollY + innerHeight + 1) / scrollHeight) * 100;
      for (; next <= 100 && next <= seen; next += 25) {
        sender.submitInteraction("scroll", { action_subtype: String(next) });
      }
      if (next > 100) removeEventListener("scroll", look);
    };
    const begin = (): void => {
      addEventListener("scroll", look, { passive: true });
      look();
    };
    // Before that the page's height is not known.
    if (document.readyState === "complete") begin();
    else addEventListener("load", begin, { once: true });
  };
}
