/**
 * Conditions on contextual attributes, as `vectors/evaluation.json` fixes them for every language:
 * all must hold, nothing is converted, and what is missing or null meets none.
 */
/** `{attribute: {operator: operand}}`, over flat names such as `page_namespace_id`. */
export type Targeting = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
/**
 * Reads conditions; the answer says whether attributes meet them all.
 *
 * @throws RangeError for an operator or operand that cannot be used: to pass over a condition would
 *   enroll whom it keeps out
 */
export declare function readTargeting(targeting: Targeting): (attributes: Readonly<Record<string, unknown>>) => boolean;
