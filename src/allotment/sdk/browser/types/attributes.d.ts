/** Contextual attributes: `a_b_c` is the field `b_c` of the event's object `a`. */
import { own } from "./configuration.js";
export { own };
/** Contextual attributes by object, as an integration knows them. */
export type Context = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
/**
 * Fills in the requested attributes that the page knows. What the event has stays; what is null or
 * undefined is left out; an empty text, 0, false and an empty list are kept. Which names there are
 * is the registry's matter, which takes no other, and the schema's.
 */
export declare function enrich(event: Record<string, unknown>, names: readonly string[], context: Context): void;
/** Both, key by key; objects are merged, of two other values the one in `over` stays. */
export declare function merged(under: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown>;
