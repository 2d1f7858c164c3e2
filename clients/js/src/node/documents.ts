/**
 * What the registry's answers mean: text in, typed configuration out. Pure. One bad item costs only
 * itself: it is left out and named in `problems`.
 */

import { asObject, asText, DEFAULT_SCHEMA, DEFAULT_STREAM } from "../configuration.js";
import { evaluate, parseTime, type ExperimentItem } from "../evaluation.js";
import { parseRate } from "../law.js";

const WEB_TITLE = "analytics/product_metrics/web/base";
const APP_TITLE = "analytics/product_metrics/app/base";

/** The schema that events of a title follow when its configuration names no version. */
const DEFAULT_SCHEMAS: Readonly<Record<string, string>> = {
  [WEB_TITLE]: DEFAULT_SCHEMA,
  [APP_TITLE]: `/${APP_TITLE}/1.3.0`,
};

export { DEFAULT_STREAM };

/** What experiments randomize. */
export const IDENTIFIER = { user: "mw-user", browser: "edge-unique", session: "session" } as const;

/** The three answers that make up a configuration. */
export const DOCUMENTS = ["experiments", "instruments", "streams"] as const;
export type DocumentName = (typeof DOCUMENTS)[number];

/** An experiment: what the law evaluates, and where its events go. */
export interface Experiment {
  readonly name: string;
  readonly groups: readonly string[];
  readonly item: ExperimentItem;
  readonly identifierType: string;
  readonly streamName: string;
  readonly schemaId: string;
  readonly contextualAttributes: readonly string[];
  readonly version: string;
}

/** A named producer of events, as much of it as sending needs. */
export interface Instrument {
  readonly name: string;
  readonly streamName: string;
  readonly schemaId: string;
  readonly sampleUnit: string;
  readonly sampleRate: SampleRate;
  readonly contextualAttributes: readonly string[];
  /** Milliseconds; null: open. Both bounds are included. */
  readonly start: number | null;
  readonly end: number | null;
}

/** The rate at each site. */
export interface SampleRate {
  readonly default: number;
  readonly sites: ReadonlyMap<string, number>;
}

export type Stream = Readonly<Record<string, unknown>>;

/** All that a site knows of the registry at one moment; each map by name, in the registry's order. */
export interface Configuration {
  readonly experiments: ReadonlyMap<string, Experiment>;
  readonly instruments: ReadonlyMap<string, Instrument>;
  readonly streams: ReadonlyMap<string, Stream>;
}

/** One answer, read: its good items by name, and what was wrong with the others. */
export interface Parsed {
  readonly items: ReadonlyMap<string, unknown>;
  readonly problems: readonly string[];
}

/** An answer as a whole cannot be used; the message says why. */
export class UnusableError extends Error {}

/**
 * Reads one answer.
 *
 * @throws UnusableError when it is no JSON of the expected form, or lists items of which none is good
 */
export function parseDocument(kind: DocumentName, text: string): Parsed {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new UnusableError(`${kind}: the answer is no JSON: ${error}`);
  }
  const [listed, parsed] = kind === "streams" ? readStreams(found) : readList(kind, found);
  if (listed && !parsed.items.size) {
    throw new UnusableError(`${kind}: no item is usable; the first: ${parsed.problems[0]}`);
  }
  return parsed;
}

function readList(kind: "experiments" | "instruments", found: unknown): [number, Parsed] {
  if (!Array.isArray(found)) throw new UnusableError(`${kind}: the answer is no JSON list`);
  const items = new Map<string, Experiment | Instrument>();
  const problems: string[] = [];
  for (const item of found) {
    try {
      const good = kind === "experiments" ? parseExperiment(item) : parseInstrument(item);
      items.set(good.name, good);
    } catch (error) {
      problems.push(`${kind}: ${(error as Error).message}`);
    }
  }
  return [found.length, { items, problems }];
}

function readStreams(found: unknown): [number, Parsed] {
  const streams = asObject(asObject(found)?.streams);
  if (!streams) throw new UnusableError("streams: the answer has no 'streams' object");
  const items = new Map<string, Stream>();
  const problems: string[] = [];
  for (const [name, stream] of Object.entries(streams)) {
    const good = asObject(stream);
    if (good) items.set(name, good);
    else problems.push(`streams: '${name}' is no JSON object`);
  }
  return [Object.keys(streams).length, { items, problems }];
}

/**
 * Reads one experiment in the public API's shape.
 *
 * @throws RangeError when a field is missing or has a value that cannot be used; the message says
 *   which, and what to give
 */
export function parseExperiment(found: unknown): Experiment {
  const item = asObject(found);
  if (!item) {
    throw new RangeError(`an experiment is ${JSON.stringify(found)}; it must be a JSON object`);
  }
  // The law reads all of an item when it first evaluates it, and says what cannot be used.
  evaluate(item as unknown as ExperimentItem, "");
  return {
    name: item.name as string,
    groups: item.groups as string[],
    item: item as unknown as ExperimentItem,
    identifierType: asText(item.user_identifier_type) ?? IDENTIFIER.browser,
    streamName: asText(item.stream_name) ?? "",
    schemaId: asText(item.schema_id) ?? "",
    contextualAttributes: (item.contextual_attributes ?? []) as string[],
    version: String(item.version ?? ""),
  };
}

function parseInstrument(found: unknown): Instrument {
  const item = asObject(found);
  const name = asText(item?.name);
  if (!item || name === null) {
    throw new RangeError(`an instrument is ${JSON.stringify(found)}; it must have a 'name'`);
  }
  const stream = asText(item.stream_name);
  if (stream === null) {
    const said = JSON.stringify(item.stream_name);
    throw new RangeError(`${name}: 'stream_name' is ${said}; give the name of a stream`);
  }
  return {
    name,
    streamName: stream,
    schemaId: text(name, item, "schema_id") || schemaOf(text(name, item, "schema_title")),
    sampleUnit: text(name, item, "sample_unit") || "session",
    sampleRate: readRates(name, item.sample_rate),
    contextualAttributes: texts(name, "contextual_attributes", item.contextual_attributes),
    start: time(name, "start", item.start),
    end: time(name, "end", item.end),
  };
}

/** Of two rates for one site the lowest counts, as in the law. A missing map means nobody. */
function readRates(name: string, found: unknown): SampleRate {
  const rates = found === undefined || found === null ? {} : asObject(found);
  if (!rates) {
    throw new RangeError(`${name}: 'sample_rate' is ${JSON.stringify(found)}; give a JSON object`);
  }
  const rate = (one: unknown): number => {
    const read = parseRate(one);
    if (read !== null) return read;
    const said = JSON.stringify(one);
    throw new RangeError(`${name}: a rate in 'sample_rate' is ${said}; give a number from 0 to 1`);
  };
  const sites = new Map<string, number>();
  for (const [key, listed] of Object.entries(rates)) {
    if (key === "default") continue;
    for (const site of texts(name, "sample_rate", listed)) {
      sites.set(site, Math.min(rate(key), sites.get(site) ?? 1));
    }
  }
  return { default: rate(rates.default ?? 0), sites };
}

/** The schema of a stream's events where nothing else names one. */
export function defaultSchema(stream: Stream): string {
  return schemaOf(asText(stream.schema_title) ?? WEB_TITLE);
}

function schemaOf(title: string): string {
  const bare = title.replace(/^\/+|\/+$/g, "");
  return DEFAULT_SCHEMAS[bare] ?? `/${bare}/latest`;
}

/** A stream's settings for client libraries; null where it has none. */
export function producerSettings(stream: Stream): Readonly<Record<string, unknown>> | null {
  return asObject(asObject(stream.producers)?.metrics_platform_client);
}

/**
 * Unit and rate of a stream's sample, the rate as a number, or null where it is no rate. Undefined:
 * the stream has no sample, everything is in.
 */
export function streamSample(stream: Stream): { unit: unknown; rate: number | null } | undefined {
  const { sample } = stream;
  if (sample === undefined || sample === null) return undefined;
  const { unit, rate } = asObject(sample) ?? {};
  return { unit, rate: parseRate(rate) };
}

/** Names of the contextual attributes that a stream asks for. */
export function requestedAttributes(stream: Stream): readonly string[] {
  const values = producerSettings(stream)?.provide_values;
  return Array.isArray(values) ? values.filter((name) => typeof name === "string") : [];
}

function text(name: string, item: Readonly<Record<string, unknown>>, field: string): string {
  const found = item[field] ?? "";
  if (typeof found === "string") return found;
  throw new RangeError(`${name}: '${field}' is ${JSON.stringify(found)}; give a text`);
}

function texts(name: string, field: string, found: unknown): readonly string[] {
  const list = found ?? [];
  if (Array.isArray(list) && list.every((one) => asText(one) !== null)) return list as string[];
  throw new RangeError(`${name}: '${field}' is ${JSON.stringify(found)}; give a list of texts`);
}

function time(name: string, field: string, found: unknown): number | null {
  if (found === undefined || found === null || found === "") return null;
  const at = parseTime(found);
  if (at !== null) return at;
  const said = JSON.stringify(found);
  throw new RangeError(`${name}: '${field}' is ${said}; give a time such as 2026-11-22T09:00:00Z`);
}
