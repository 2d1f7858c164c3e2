/** What an item of the configuration must be, so that every language refuses the same ones. */

import { asObject } from "./configuration.js";

type Test = (found: unknown) => boolean;

const isString: Test = (found) => typeof found === "string";
const isText: Test = (found) => isString(found) && found !== "";
const isTexts = (found: unknown): found is string[] => Array.isArray(found) && found.every(isText);
const isNamed: Test = (found) => isText(asObject(found)?.name);

/** By field: what it must be where it is there, in words and as a test. */
const SHAPES: Readonly<Record<string, readonly [string, Test]>> = {
  groups: [
    "1 to 10 texts, each once",
    (found) => isTexts(found) && found.length > 0 && found.length <= 10 && new Set(found).size === found.length,
  ],
  sample_rate: [
    "an object of rates, each with a list of sites",
    (found) =>
      asObject(found)?.default !== null &&
      Object.entries(asObject(found) ?? { found: 0 }).every(
        ([key, sites]) => key === "default" || sites === null || isTexts(sites),
      ),
  ],
  user_identifier_type: ["a text", isString],
  stream_name: ["a text", isString],
  schema_id: ["a text", isString],
  contextual_attributes: ["a list of texts", isTexts],
  version: ["a text or a whole number", (found) => isString(found) || Number.isInteger(found)],
  phase_index: [
    "a whole number, 0 or more",
    (found) => Number.isInteger(found) && (found as number) >= 0,
  ],
  layer: ["an object with a name", isNamed],
  holdouts: [
    "a list of objects with names",
    (found) => Array.isArray(found) && found.every(isNamed),
  ],
  targeting: [
    "an object of objects",
    (found) => Object.values(asObject(found) ?? [0]).every((tests) => asObject(tests) !== null),
  ],
};

/** @throws RangeError naming the first field that is no such thing, and what to give */
export function refuseDamaged(found: unknown): void {
  const item = asObject(found) ?? {};
  if (!isText(item.name)) {
    throw new RangeError(`an experiment's 'name' is ${JSON.stringify(item.name)}; give a text`);
  }
  for (const [field, [words, fits]] of Object.entries(SHAPES)) {
    const value = item[field] ?? (field === "groups" ? [] : null);
    if (value !== null && !fits(value)) {
      throw new RangeError(
        `${String(item.name)}: '${field}' is ${JSON.stringify(value)}; give ${words}`,
      );
    }
  }
}
