/** The shapes that pages and the registry hand to the client, and how they are read. */

import { parseRate } from "./law.js";

const WEB_BASE = "/analytics/product_metrics/web/base";
export const DEFAULT_SCHEMA = `${WEB_BASE}/1.3.0`;
/** Where the events of experiments go that name no stream. */
export const DEFAULT_STREAM = "product_metrics.web_base";

/** The `experiments` record of an event: who is in what. Maps are keyed by experiment name. */
export interface Membership {
  enrolled: string[];
  assigned: Record<string, string>;
  subject_ids: Record<string, string>;
  sampling_units: Record<string, string>;
  coordinators: Record<string, string>;
  versions: Record<string, string>;
}

/** Sampling of a stream or an instrument. */
export interface Sample {
  unit: string;
  rate: number;
}

/** One entry of the streams map, as much of it as the client needs. */
export interface StreamConfig {
  readonly _schemaId: string;
  /** Contextual attributes that its events carry. */
  readonly _values: readonly string[];
  /** For an instrument: the stream that its events go to. */
  readonly _target: string | undefined;
  /** Whether it is meant for this client: its raw events get attributes and membership, too. */
  readonly _isMetrics: boolean;
  /** Undefined: everything is in. Null: it cannot be used, nothing is in. */
  readonly sample: Sample | null | undefined;
}

/** The streams map as it came. */
export type Streams = Readonly<Record<string, unknown>>;

/** Where an experiment's own events go and what they carry, where the page says it. */
export interface ExperimentConfig {
  readonly stream_name?: string;
  readonly schema_id?: string;
  readonly contextual_attributes?: readonly string[];
}

/** What a page's `window.allotmentConfig` holds. */
export interface PageConfig {
  readonly intakeUrl?: string;
  /** False: nothing is sent until `setConsent(true)`. */
  readonly consent?: boolean;
  /** In Unix seconds: exposures that were told before are told again. */
  readonly exposureReset?: number;
  readonly site?: string;
  readonly streams?: unknown;
  readonly context?: Record<string, Record<string, unknown>>;
  readonly experiments?: Record<string, ExperimentConfig>;
}

const MAPS = ["subject_ids", "sampling_units", "coordinators", "versions"] as const;

/** An object that is no list; null for everything else. */
export function asObject(found: unknown): Record<string, unknown> | null {
  return found && typeof found === "object" && !Array.isArray(found)
    ? (found as Record<string, unknown>)
    : null;
}

/** A text that is not empty; null for everything else. */
export function asText(found: unknown): string | null {
  return found && typeof found === "string" ? found : null;
}

/** A value that an object has of its own: not what every object has, such as `constructor`. */
export function own<T>(found: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return found && Object.hasOwn(found, key) ? found[key] : undefined;
}

/**
 * Reads a membership record. An empty map may be written as an empty list, as PHP does. What is
 * assigned to no group is not enrolled.
 */
export function readMembership(found: unknown): Membership {
  const record = asObject(found) ?? {};
  const assigned = texts(record.assigned);
  const membership = { enrolled: Object.keys(assigned), assigned } as Membership;
  for (const map of MAPS) membership[map] = texts(record[map], assigned);
  return membership;
}

/** Forces groups: they replace what was assigned, and are told apart from it on every event. */
export function force(found: unknown, forced: ReadonlyMap<string, string>): Membership {
  const membership = readMembership(found);
  for (const [name, group] of forced) {
    membership.assigned[name] = group;
    membership.subject_ids[name] = "overridden";
    membership.coordinators[name] = "forced";
  }
  membership.enrolled = Object.keys(membership.assigned);
  return membership;
}

/** Reads one of the streams. One that is no object is none; it hides no other. */
export function readStream(streams: Streams, name: string): StreamConfig | null {
  const entry = own(streams, name);
  // An entry without any setting may be written as an empty list.
  const settings = Array.isArray(entry) && !entry.length ? {} : asObject(entry);
  if (!settings) return null;
  const client = asObject(asObject(settings.producers)?.metrics_platform_client);
  const values = client?.provide_values;
  return {
    _schemaId: (settings.schema_id as string) || newest(settings.schema_title),
    _values: Array.isArray(values) ? values : [],
    _target: client?.stream_name as string,
    _isMetrics: !!client,
    sample: isNothing(settings.sample) ? undefined : readSample(settings.sample),
  };
}

const isNothing = (found: unknown): boolean => found === undefined || found === null;

/** The newest schema of a title; of the web base, and without a title, the one written here. */
function newest(title: unknown): string {
  const root = String(title || WEB_BASE).replace(/^\/*/, "/");
  return root === WEB_BASE ? DEFAULT_SCHEMA : `${root}/latest`;
}

function readSample(found: unknown): Sample | null {
  const { unit, rate } = asObject(found) ?? {};
  const share = parseRate(rate);
  return (unit === "pageview" || unit === "session") && share ? { unit, rate: share } : null;
}

/** Without a prototype: an experiment may be named `constructor`. */
function texts(found: unknown, only?: object): Record<string, string> {
  const map = { __proto__: null } as unknown as Record<string, string>;
  for (const [key, value] of Object.entries(asObject(found) ?? {})) {
    if (["string", "number"].includes(typeof value) && (!only || key in only)) map[key] = String(value);
  }
  return map;
}
