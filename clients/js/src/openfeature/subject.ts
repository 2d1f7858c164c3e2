/** What an evaluation context says of the subject: its ids, and contextual attributes by object. */

import type { EvaluationContext } from "@openfeature/core";
import type { Context } from "../attributes.js";

const IDS = ["user_id", "browser_id", "session_id"] as const;
/** What is neither an id nor an attribute. */
const OWN = ["targetingKey", "mpo", ...IDS];

export type SubjectIds = Readonly<Record<(typeof IDS)[number], string | null>>;

/** @param targetingKey - which of the ids the targeting key is */
export function contextOf(
  context: EvaluationContext,
  targetingKey: string,
): { ids: SubjectIds; attributes: Context } {
  const ids = Object.fromEntries(
    IDS.map((name) => {
      const key = name === targetingKey ? context.targetingKey : undefined;
      return [name, idOf(context[name]) ?? idOf(key)];
    }),
  ) as SubjectIds;
  const attributes: Record<string, Record<string, unknown>> = {};
  for (const [name, value] of Object.entries(context)) {
    if (OWN.includes(name)) continue;
    if (isPlain(value)) {
      attributes[name] = { ...attributes[name], ...value };
      continue;
    }
    // `page_id` and `page: {id: …}` are the same.
    const at = name.indexOf("_");
    if (at > 0 && at < name.length - 1) {
      const told = value instanceof Date ? value.toISOString() : value;
      (attributes[name.slice(0, at)] ??= {})[name.slice(at + 1)] = told;
    }
  }
  return { ids, attributes };
}

/** Numbers are common for accounts, and mean their decimal digits. */
function idOf(found: unknown): string | null {
  return (typeof found === "string" && found !== "") || Number.isSafeInteger(found)
    ? String(found)
    : null;
}

function isPlain(found: unknown): found is Record<string, unknown> {
  return (
    typeof found === "object" && found !== null && !Array.isArray(found) && !(found instanceof Date)
  );
}
