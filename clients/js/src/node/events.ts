/** How an event is put together. Pure: what goes in is given, nothing is asked or sent. */

import { merged, type Context } from "../attributes.js";
import { asObject } from "../configuration.js";

/** Data of an event: anything that its schema allows. */
export type Data = Readonly<Record<string, unknown>>;

/** A context's attributes by their flat names: `{page: {id: 7}}` has `page_id`. */
export function flat(context: Context): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [group, members] of Object.entries(context)) {
    for (const [key, value] of Object.entries(members)) found[`${group}_${key}`] = value;
  }
  return found;
}

/**
 * The requested attributes that are known, in the shape of an event: `a_b_c` is the field `b_c` of
 * the object `a`. One that is missing or null is left out; an empty text, 0, false and an empty list
 * are kept.
 */
export function requestedContext(
  names: readonly string[],
  context: Context,
): Record<string, Record<string, unknown>> {
  const found: Record<string, Record<string, unknown>> = {};
  for (const name of names) {
    const at = name.indexOf("_");
    const [group, key] = at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
    // Not what every object has, such as `constructor`.
    const members = Object.hasOwn(context, group) ? context[group] : undefined;
    const value = members && Object.hasOwn(members, key) ? members[key] : undefined;
    if (value !== null && value !== undefined) (found[group] ??= {})[key] = value;
  }
  return found;
}

/** What an interaction event is made of. */
export interface Parts {
  readonly schema: string;
  readonly stream: string;
  readonly domain: string;
  readonly id: string;
  readonly at: Date;
  readonly action: string;
  readonly data: Data;
  /** Contextual attributes, as {@link requestedContext} gives them. */
  readonly context: Readonly<Record<string, unknown>>;
  /** The membership record; without it the event carries none. */
  readonly experiments?: object | undefined;
  readonly sample?: unknown;
  /** Further fields that the caller's data does not replace. */
  readonly fixed?: Data | undefined;
}

/**
 * One interaction event. The caller's data may add to everything that the context gives, and replace
 * it; it replaces neither the action nor `$schema`, `dt`, `meta.stream`, `meta.domain`, `meta.id`,
 * `experiments`, `sample`, nor what is fixed.
 */
export function interaction(parts: Parts): Record<string, unknown> {
  const { schema, stream, domain, id, at, action, data, experiments, sample, fixed } = parts;
  const event: Record<string, unknown> = {
    ...merged({ agent: {}, ...parts.context }, data),
    $schema: schema,
    action,
    dt: at.toISOString(),
    meta: { ...asObject(data.meta), stream, domain, id },
    ...fixed,
  };
  for (const [key, value] of Object.entries({ experiments, sample })) {
    if (value) event[key] = value;
    else delete event[key];
  }
  return event;
}

/** What the library adds to an event that a site made. */
export interface Additions extends Pick<Parts, "stream" | "domain" | "id" | "at" | "context"> {
  /** The membership record; null takes out what the event says, undefined leaves it as it is. */
  readonly experiments: object | null | undefined;
}

/**
 * An event that a site made, completed: its `dt`, `meta.stream`, `meta.domain`, `meta.id` are the
 * library's; it may replace what the context gives.
 */
export function completed(made: Data, add: Additions): Record<string, unknown> {
  const { stream, domain, id, at, context, experiments } = add;
  const event: Record<string, unknown> = {
    ...merged(context, made),
    dt: at.toISOString(),
    meta: { ...asObject(made.meta), stream, domain, id },
  };
  if (experiments) event.experiments = experiments;
  else if (experiments === null) delete event.experiments;
  return event;
}
