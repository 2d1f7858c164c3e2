/** Contextual attributes: `a_b_c` is the field `b_c` of the event's object `a`. */

import { asObject, own } from "./configuration.js";

export { own };

const ALWAYS = ["agent_client_platform", "agent_client_platform_family"];

/** Contextual attributes by object, as an integration knows them. */
export type Context = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Fills in the requested attributes that the page knows. What the event has stays; what is null or
 * undefined is left out; an empty text, 0, false and an empty list are kept. Which names there are
 * is the registry's matter, which takes no other, and the schema's.
 */
export function enrich(
  event: Record<string, unknown>,
  names: readonly string[],
  context: Context,
): void {
  for (const name of [...ALWAYS, ...names]) {
    const at = name.indexOf("_");
    const group = name.slice(0, at);
    const key = name.slice(at + 1);
    const value = own(own(context, group), key);
    if (at < 0 || value === null || value === undefined) continue;
    const attributes = asObject(group in event ? event[group] : (event[group] = {}));
    if (attributes && !(key in attributes)) attributes[key] = value;
  }
}

/** Both, key by key; objects are merged, of two other values the one in `over` stays. */
export function merged(
  under: Record<string, unknown>,
  over: Record<string, unknown>,
): Record<string, unknown> {
  const both = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const lower = asObject(both[key]);
    const upper = asObject(value);
    both[key] = lower && upper ? merged(lower, upper) : value;
  }
  return both;
}
