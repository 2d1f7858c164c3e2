/**
 * Session length: how long pages were visible. Each time a page is hidden or left, `visible` tells
 * the whole seconds since it was last shown, as a text in `action_context`; their sum over the
 * events with one `performer.session_id` is the session's length. Nothing is stored for it.
 */

import type { Instrumentation } from "../instrument.js";

/** Watches until the page is gone. Ask for the attribute `performer_session_id`. */
export function sessionLength(): Instrumentation {
  return (sender) => {
    let since: number | null = null;
    const look = (hidden: boolean): void => {
      if (!hidden) {
        since ??= performance.now();
      } else if (since !== null) {
        const seconds = Math.round((performance.now() - since) / 1_000);
        since = null;
        if (seconds) sender.submitInteraction("visible", { action_context: String(seconds) });
      }
    };
    const see = (): void => look(document.visibilityState === "hidden");
    document.addEventListener("visibilitychange", see);
    addEventListener("pageshow", see);
    addEventListener("pagehide", () => look(true));
    see();
  };
}
