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

export function errorCount({ most = 10 }: ErrorCountOptions = {}): Instrumentation {
  return (sender) => {
    let left = most;
    const tell = (found: unknown): void => {
      if (left-- <= 0) return;
      const kind = found instanceof Error ? found.name : typeof found;
      sender.submitInteraction("error", { action_subtype: String(kind).slice(0, 64) });
    };
    addEventListener("error", ({ error }) => tell(error));
    addEventListener("unhandledrejection", ({ reason }) => tell(reason));
  };
}
