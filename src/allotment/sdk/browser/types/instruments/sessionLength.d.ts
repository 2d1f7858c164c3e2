/**
 * Session length: how long pages were visible. Each time a page is hidden or left, `visible` tells
 * the whole seconds since it was last shown, as a text in `action_context`; their sum over the
 * events with one `performer.session_id` is the session's length. Nothing is stored for it.
 */
import type { Instrumentation } from "../instrument.js";
/** Watches until the page is gone. Ask for the attribute `performer_session_id`. */
export declare function sessionLength(): Instrumentation;
