/**
 * Scroll depth: `scroll` once for each quarter of the page that came into view, with `25`, `50`,
 * `75` or `100` (per cent of the page's height) in `action_subtype`.
 */
import type { Instrumentation } from "../instrument.js";
/** Watches until the end of the page was seen. What is in view without scrolling counts. */
export declare function scrollDepth(): Instrumentation;
