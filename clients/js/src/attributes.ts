/** Contextual attributes: `a_b_c` is the field `b_c` of the event's object `a`. */

/** The attributes of web clients, by the object of the event that they stand in. */
const CATALOGUE: Record<string, string> = {
  agent: "client_platform client_platform_family ua_string",
  page:
    "id title namespace_id namespace_name revision_id wikidata_id wikidata_qid content_language " +
    "is_redirect user_groups_allowed_to_move user_groups_allowed_to_edit",
  mediawiki:
    "skin version is_production is_debug_mode database site_content_language " +
    "site_content_language_variant",
  performer:
    "is_logged_in id name session_id pageview_id groups is_bot is_temp language " +
    "language_variant can_probably_edit_page edit_count edit_count_bucket registration_dt",
};
const KNOWN = new Set(
  Object.entries(CATALOGUE).flatMap(([group, keys]) =>
    keys.split(" ").map((key) => `${group}_${key}`),
  ),
);
const ALWAYS = ["agent_client_platform", "agent_client_platform_family"];

/** Contextual attributes by object, as an integration knows them. */
export type Context = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * The requested attributes that are known, in the shape of an event. What is null or undefined is
 * left out; an empty text, 0, false and an empty list are kept.
 *
 * @param onUnknown - is told each name that the catalogue does not have
 */
export function requested(
  names: readonly string[],
  context: Context,
  onUnknown: (name: string) => void,
): Record<string, Record<string, unknown>> {
  const found: Record<string, Record<string, unknown>> = {};
  for (const name of [...ALWAYS, ...names]) {
    if (!KNOWN.has(name)) {
      onUnknown(name);
      continue;
    }
    const at = name.indexOf("_");
    const [group, key] = [name.slice(0, at), name.slice(at + 1)];
    const value = context[group]?.[key];
    if (value !== null && value !== undefined) (found[group] ??= {})[key] = value;
  }
  return found;
}

/** Both, key by key; objects are merged, of two other values the one in `over` stays. */
export function merged(
  under: Record<string, unknown>,
  over: Record<string, unknown>,
): Record<string, unknown> {
  const both = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const lower = both[key];
    both[key] = isPlain(lower) && isPlain(value) ? merged(lower, value) : value;
  }
  return both;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
