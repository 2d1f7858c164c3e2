/** Page visits: one `page_visit` a page, on request with the class of the referrer. */

import type { Instrumentation } from "../instrument.js";

export interface PageVisitOptions {
  /** Puts `no_referrer`, `internal_referrer` or `external_referrer` into `action_source`. */
  readonly recordReferrerClass?: boolean;
}

/** Sends one `page_visit` at once. The referrer itself is not sent. */
export function pageVisit({ recordReferrerClass = false }: PageVisitOptions = {}): Instrumentation {
  return (sender) => {
    sender.submitInteraction("page_visit", recordReferrerClass ? { action_source: kind() } : {});
  };
}

function kind(): string {
  if (!document.referrer) return "no_referrer";
  const internal = new URL(document.referrer).hostname === location.hostname;
  return internal ? "internal_referrer" : "external_referrer";
}
