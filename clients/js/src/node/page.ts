/** What a page gets: two variables in an inline script, and the browser script's tag. Pure. */

import type { Client } from "./client.js";
import type { Visitor } from "./visitor.js";

/** The ids of this request: the browser's client has its own. */
const OWN_IDS = ["pageview_id", "session_id"];
/** What the browser needs of each stream; where the intake sends it on is no page's matter. */
const STREAM_KEYS = ["schema_title", "sample", "producers"];

/** The values of `window.allotmentUserExperiments` and `window.allotmentConfig`, by name. */
export function pageVariables(client: Client, visitor: Visitor): Record<string, unknown> {
  const { performer, ...others } = visitor.context;
  return {
    allotmentUserExperiments: visitor.getCurrentUserExperiments(),
    allotmentConfig: {
      intakeUrl: client.browserIntakeUrl,
      site: client.site,
      streams: Object.fromEntries(
        [...visitor.configuration.streams].map(([name, stream]) => [name, only(stream, STREAM_KEYS)]),
      ),
      experiments: enrolledConfigs(visitor),
      context: {
        ...others,
        performer: Object.fromEntries(
          Object.entries(performer ?? {}).filter(([key]) => !OWN_IDS.includes(key)),
        ),
      },
    },
  };
}

/** How a page's head is written. */
export interface HeadOptions {
  /** Where the site serves `allotment.js`. */
  readonly scriptUrl: string;
  /** The page's CSP nonce. */
  readonly nonce?: string;
}

/** Script elements for a page's head. */
export function headHtml(
  client: Client,
  visitor: Visitor,
  { scriptUrl, nonce }: HeadOptions,
): string {
  const attribute = nonce === undefined ? "" : ` nonce="${escaped(nonce)}"`;
  const statements = Object.entries(pageVariables(client, visitor))
    .map(([name, value]) => `window.${name}=${scriptJson(value)};`)
    .join("");
  return (
    `<script${attribute}>${statements}</script>\n` +
    `<script src="${escaped(scriptUrl)}"${attribute} defer></script>\n`
  );
}

/** JSON that is safe inside a script element: it cannot end it, nor open a comment. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Stream, schema, attributes and groups of the experiments that the visitor is in. */
function enrolledConfigs(visitor: Visitor): Record<string, unknown> {
  const found: [string, unknown][] = [];
  for (const name of visitor.membership.enrolled) {
    const experiment = visitor.configuration.experiments.get(name);
    if (!experiment) continue;
    const { streamName, schemaId, contextualAttributes, groups } = experiment;
    found.push([
      name,
      {
        stream_name: streamName,
        schema_id: schemaId,
        contextual_attributes: contextualAttributes,
        groups,
      },
    ]);
  }
  return Object.fromEntries(found);
}

function only(found: Readonly<Record<string, unknown>>, keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(found).filter(([key]) => keys.includes(key)));
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`);
}
