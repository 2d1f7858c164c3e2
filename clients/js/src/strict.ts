/**
 * For development: tells in the console which contextual attributes the configuration asks for, and
 * the page does not give, or gives as something that the schema refuses. The client itself leaves out
 * what is missing and checks nothing, since every page would have to load that.
 */

import { asObject } from "./configuration.js";
import type { Integration } from "./integration.js";

/** What a contextual attribute holds. */
type Kind = "array" | "boolean" | "integer" | "string";

/** The attributes of web pages, as the registry's check knows them. */
export const KINDS: Readonly<Record<string, Kind>> = {
  agent_client_platform: "string",
  agent_client_platform_family: "string",
  agent_ua_string: "string",
  page_id: "integer",
  page_title: "string",
  page_namespace_id: "integer",
  page_namespace_name: "string",
  page_revision_id: "integer",
  page_wikidata_id: "string",
  page_wikidata_qid: "string",
  page_content_language: "string",
  page_is_redirect: "boolean",
  page_user_groups_allowed_to_move: "array",
  page_user_groups_allowed_to_edit: "array",
  mediawiki_skin: "string",
  mediawiki_version: "string",
  mediawiki_is_production: "boolean",
  mediawiki_is_debug_mode: "boolean",
  mediawiki_database: "string",
  mediawiki_site_content_language: "string",
  mediawiki_site_content_language_variant: "string",
  performer_is_logged_in: "boolean",
  performer_id: "integer",
  performer_name: "string",
  performer_session_id: "string",
  performer_pageview_id: "string",
  performer_groups: "array",
  performer_is_bot: "boolean",
  performer_is_temp: "boolean",
  performer_language: "string",
  performer_language_variant: "string",
  performer_can_probably_edit_page: "boolean",
  performer_edit_count: "integer",
  performer_edit_count_bucket: "string",
  performer_registration_dt: "string",
};

/** Attributes that only people with an account have. */
const ACCOUNTS = [
  "performer_id",
  "performer_name",
  "performer_edit_count",
  "performer_edit_count_bucket",
  "performer_registration_dt",
];

/** What is wrong with one attribute, and who asks for it. */
export interface AttributeProblem {
  readonly attribute: string;
  /** Names of the streams, instruments and experiments that ask for it. */
  readonly askedBy: readonly string[];
  readonly problem: string;
}

/**
 * Looks at a page once, and warns of each problem in the console. Load it in development only.
 *
 * @param integration - the one that the page's client was made with
 * @returns the problems, for a site's own tests; none: all that is asked for is there
 * @throws what the integration throws where it has no streams
 */
export async function checkAttributes(integration: Integration): Promise<AttributeProblem[]> {
  const asked = new Map<string, Set<string>>();
  const ask = (by: string, names: unknown): void => {
    for (const name of Array.isArray(names) ? (names as unknown[]) : []) {
      const key = String(name);
      asked.set(key, (asked.get(key) ?? new Set()).add(by));
    }
  };
  for (const [name, stream] of Object.entries(asObject(await integration.getStreamConfigs()) ?? {})) {
    const producers = asObject(asObject(stream)?.producers);
    ask(name, asObject(producers?.metrics_platform_client)?.provide_values);
  }
  for (const name of integration.getCurrentUserExperiments().enrolled) {
    ask(name, integration.getExperimentConfig?.(name)?.contextual_attributes);
  }
  const context = integration.getContextAttributes();
  const isLoggedIn = context.performer?.is_logged_in === true;
  const found: AttributeProblem[] = [];
  for (const [attribute, by] of asked) {
    if (ACCOUNTS.includes(attribute) && !isLoggedIn) continue;
    const at = attribute.indexOf("_");
    const value = context[attribute.slice(0, at)]?.[attribute.slice(at + 1)];
    const problem = problemOf(attribute, value);
    if (problem) found.push({ attribute, askedBy: [...by], problem });
  }
  for (const { attribute, askedBy, problem } of found) {
    console.warn(`[allotment] ${attribute} ${problem}; asked for by ${askedBy.join(", ")}`);
  }
  return found;
}

function problemOf(attribute: string, value: unknown): string | null {
  const kind = Object.hasOwn(KINDS, attribute) ? KINDS[attribute] : undefined;
  if (value === undefined || value === null) {
    return kind
      ? "is not given by this page: events go without it"
      : "is no attribute that clients know, nor does this page give it";
  }
  if (!kind || isA(kind, value)) return null;
  const article = /^[aio]/.test(kind) ? "an" : "a";
  return `is ${JSON.stringify(value)}, and must be ${article} ${kind}: the schema refuses such events`;
}

function isA(kind: Kind, value: unknown): boolean {
  if (kind === "integer") return Number.isInteger(value);
  return kind === "array" ? Array.isArray(value) : typeof value === kind;
}
