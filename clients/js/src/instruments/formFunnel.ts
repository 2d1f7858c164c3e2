/**
 * The way through a form: `form_start` at the first input, `form_submit`, or `form_abandon` where
 * the page is left in between. The events of one passage share a funnel token and are numbered.
 * What people type is not read.
 */

import { randomToken } from "../identity.js";
import type { Instrumentation } from "../instrument.js";

export interface FormFunnelOptions {
  /** CSS selector of the form; it may come into the page later. */
  readonly selector: string;
  /** What people call the form; stands on the events as `funnel_name`. */
  readonly friendlyName: string;
}

export function formFunnel({ selector, friendlyName }: FormFunnelOptions): Instrumentation {
  return (sender) => {
    let token: string | null = null;
    let position = 0;
    const send = (action: string): void => {
      sender.submitInteraction(action, {
        funnel_name: friendlyName,
        funnel_entry_token: token,
        funnel_event_sequence_position: ++position,
      });
    };
    const isOurs = ({ target }: Event): boolean =>
      target instanceof Element && !!target.closest(selector);
    const begin = (event: Event): void => {
      if (token || !isOurs(event)) return;
      token = randomToken();
      position = 0;
      send("form_start");
    };
    const end = (action: string): void => {
      if (token) send(action);
      token = null;
    };
    addEventListener("input", begin, true);
    addEventListener(
      "submit",
      (event) => {
        begin(event); // a form may be sent as it came
        if (isOurs(event)) end("form_submit");
      },
      true,
    );
    addEventListener("pagehide", () => end("form_abandon"));
  };
}
