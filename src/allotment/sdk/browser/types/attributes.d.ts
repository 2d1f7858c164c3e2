/** Contextual attributes: `a_b_c` is the field `b_c` of the event's object `a`. */
import { own } from "./configuration.js";
export { own };
/** Contextual attributes by object, as an integration knows them. */
export type Context = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
/**
 * The requested attributes that the page knows, in the shape of an event. What is null or undefined
 * is left out; an empty text, 0, false and an empty list are kept. Which names there are is the
 * registry's matter, which takes no other, and the schema's.
 */
export declare function requested(names: readonly string[], context: Context): Record<string, Record<string, unknown>>;
/** Both, key by key; objects are merged, of two other values the one in `over` stays. */
export declare function merged(under: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown>;
