/** The shapes that pages and the registry hand to the client, and how they are read. */

import { parseRate } from "./law.js";

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
  readonly _schemaId: string | null;
  /** Contextual attributes that its events carry. */
  readonly _values: readonly string[];
  /** For an instrument: the stream that its events go to. */
  readonly _target: string | null;
  /** Whether it is meant for this client: its raw events get attributes and membership, too. */
  readonly _isMetrics: boolean;
  /** Undefined: everything is in. Null: it cannot be used, nothing is in. */
  readonly sample: Sample | null | undefined;
}

export type StreamConfigs = ReadonlyMap<string, StreamConfig>;

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
  return typeof found === "object" && found !== null && !Array.isArray(found)
    ? (found as Record<string, unknown>)
    : null;
}

/** A text that is not empty; null for everything else. */
export function asText(found: unknown): string | null {
  return typeof found === "string" && found !== "" ? found : null;
}

/**
 * Reads a membership record. An empty map may be written as an empty list, as PHP does. What is
 * assigned to no group is not enrolled.
 */
export function readMembership(found: unknown): Membership {
  const record = asObject(found) ?? {};
  const assigned = texts(record.assigned);
  const membership = { enrolled: Object.keys(assigned), assigned } as Membership;
  for (const map of MAPS) {
    membership[map] = texts(record[map]);
    for (const name of Object.keys(membership[map])) {
      if (!(name in assigned)) delete membership[map][name];
    }
  }
  return membership;
}

/** Forces groups: they replace what was assigned, and are told apart from it on every event. */
export function force(membership: Membership, forced: ReadonlyMap<string, string>): Membership {
  const result = readMembership(membership);
  for (const [name, group] of forced) {
    if (!(name in result.assigned)) result.enrolled.push(name);
    result.assigned[name] = group;
    result.subject_ids[name] = "overridden";
    result.coordinators[name] = "forced";
  }
  return result;
}

/** Reads the streams map. An entry that is no object is left out; it hides no other. */
export function readStreams(found: unknown): StreamConfigs {
  const streams = new Map<string, StreamConfig>();
  for (const [name, entry] of Object.entries(asObject(found) ?? {})) {
    // An entry without any setting may be written as an empty list.
    const settings = Array.isArray(entry) && entry.length === 0 ? {} : asObject(entry);
    if (settings) streams.set(name, readStream(settings));
  }
  return streams;
}

function readStream(settings: Record<string, unknown>): StreamConfig {
  const producers = asObject(settings.producers) ?? {};
  const client = asObject(producers.metrics_platform_client);
  const values = client?.provide_values;
  return {
    _schemaId: asText(settings.schema_id),
    _values: Array.isArray(values) ? values.filter((name) => typeof name === "string") : [],
    _target: asText(client?.stream_name),
    _isMetrics: client !== null,
    sample: "sample" in settings ? readSample(settings.sample) : undefined,
  };
}

function readSample(found: unknown): Sample | null {
  const sample = asObject(found);
  const unit = asText(sample?.unit);
  const rate = parseRate(sample?.rate);
  return unit && rate ? { unit, rate } : null;
}

/** Without a prototype: an experiment may be named `constructor`. */
function texts(found: unknown): Record<string, string> {
  const map = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(asObject(found) ?? {})) {
    if (typeof value === "string" || typeof value === "number") map[key] = String(value);
  }
  return map;
}
