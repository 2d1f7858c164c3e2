/**
 * Conditions on contextual attributes, as `vectors/evaluation.json` fixes them for every language:
 * all must hold, nothing is converted, and what is missing or null meets none.
 */

/** `{attribute: {operator: operand}}`, over flat names such as `page_namespace_id`. */
export type Targeting = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

type Test = (value: unknown, operand: unknown) => boolean;

const isNumber = (value: unknown): value is number => typeof value === "number";
const isScalar = (found: unknown): boolean =>
  ["string", "number", "boolean"].includes(typeof found);
const contains: Test = (value, wanted) => Array.isArray(value) && value.includes(wanted);

function ordered(compare: (value: number, operand: number) => boolean): Test {
  return (value, operand) => isNumber(value) && compare(value, operand as number);
}

function many(test: (value: unknown, operand: readonly unknown[]) => boolean): Test {
  return (value, operand) => test(value, operand as readonly unknown[]);
}

/** By operator: what its operand must be, and when it holds. */
const OPERATORS = new Map<string, [(operand: unknown) => boolean, Test]>([
  ["equals", [isScalar, (value, operand) => value === operand]],
  ["not_equals", [isScalar, (value, operand) => value !== operand]],
  ["greater_than", [isNumber, ordered((value, operand) => value > operand)]],
  ["less_than", [isNumber, ordered((value, operand) => value < operand)]],
  ["greater_than_or_equals", [isNumber, ordered((value, operand) => value >= operand)]],
  ["less_than_or_equals", [isNumber, ordered((value, operand) => value <= operand)]],
  ["contains", [isScalar, contains]],
  [
    "does_not_contain",
    [isScalar, (value, operand) => Array.isArray(value) && !value.includes(operand)],
  ],
  ["in", [isList, many((value, operand) => operand.includes(value))]],
  ["not_in", [isList, many((value, operand) => !operand.includes(value))]],
  [
    "contains_all",
    [
      isList,
      many((value, operand) => Array.isArray(value) && operand.every((one) => value.includes(one))),
    ],
  ],
  [
    "contains_any",
    [isList, many((value, operand) => operand.some((one) => contains(value, one)))],
  ],
]);

function isList(found: unknown): boolean {
  return Array.isArray(found) && found.every(isScalar);
}

/**
 * Reads conditions; the answer says whether attributes meet them all.
 *
 * @throws RangeError for an operator or operand that cannot be used: to pass over a condition would
 *   enroll whom it keeps out
 */
export function readTargeting(
  targeting: Targeting,
): (attributes: Readonly<Record<string, unknown>>) => boolean {
  const conditions = Object.entries(targeting).flatMap(([attribute, tests]) =>
    Object.entries(tests).map(([operator, operand]) => {
      const holds = usable(attribute, operator, operand);
      return { attribute, holds: (value: unknown) => holds(value, operand) };
    }),
  );
  return (attributes) =>
    conditions.every(({ attribute, holds }) => {
      const value = Object.hasOwn(attributes, attribute) ? attributes[attribute] : null;
      return value !== null && value !== undefined && holds(value);
    });
}

function usable(attribute: string, operator: string, operand: unknown): Test {
  const [takes, test] = OPERATORS.get(operator) ?? [];
  if (takes?.(operand) && test) return test;
  throw new RangeError(
    test
      ? `the targeting of ${attribute}: ${operator} has ${JSON.stringify(operand)}, which it cannot take`
      : `the targeting of ${attribute} has the operator ${operator}; ` +
        `give one of ${[...OPERATORS.keys()].sort().join(", ")}`,
  );
}
