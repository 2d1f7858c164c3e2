/** What stays of the answer before, where the registry says that a fault keeps items out. Pure. */

import { asObject } from "../configuration.js";
import type { DocumentName } from "./documents.js";

/**
 * An answer, and from the one held before the items that a fault keeps out of it; both as they came.
 *
 * @param names - what the registry says it had to leave out; null: more than it could name
 */
export function withKept(
  kind: DocumentName,
  text: string,
  held: string,
  names: ReadonlySet<string> | null,
): string {
  try {
    const [now, before]: unknown[] = [JSON.parse(text), JSON.parse(held)];
    return kind === "streams" ? streams(now, before, names, text) : list(now, before, names, text);
  } catch {
    return text;
  }
}

function streams(
  now: unknown,
  before: unknown,
  names: ReadonlySet<string> | null,
  text: string,
): string {
  const there = asObject(asObject(now)?.streams);
  const old = asObject(asObject(before)?.streams);
  if (!there || !old) return text;
  const kept = Object.entries(old).filter(
    ([name]) => !Object.keys(there).includes(name) && (names?.has(name) ?? true),
  );
  return kept.length ? JSON.stringify({ streams: { ...there, ...Object.fromEntries(kept) } }) : text;
}

function list(
  now: unknown,
  before: unknown,
  names: ReadonlySet<string> | null,
  text: string,
): string {
  if (!Array.isArray(now) || !Array.isArray(before)) return text;
  const there = new Set(now.map((item) => asObject(item)?.name));
  const kept = before.filter((item) => {
    const name = asObject(item)?.name;
    return typeof name === "string" && !there.has(name) && (names?.has(name) ?? true);
  });
  return kept.length ? JSON.stringify([...now, ...kept]) : text;
}
