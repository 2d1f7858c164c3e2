/** The shapes that pages and the registry hand to the client, and how they are read. */
export declare const DEFAULT_SCHEMA = "/analytics/product_metrics/web/base/1.3.0";
/** Where the events of experiments go that name no stream. */
export declare const DEFAULT_STREAM = "product_metrics.web_base";
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
/** An object that is no list; null for everything else. */
export declare function asObject(found: unknown): Record<string, unknown> | null;
/** A text that is not empty; null for everything else. */
export declare function asText(found: unknown): string | null;
/** A value that an object has of its own: not what every object has, such as `constructor`. */
export declare function own<T>(found: Readonly<Record<string, T>> | undefined, key: string): T | undefined;
/**
 * Reads a membership record. An empty map may be written as an empty list, as PHP does. What is
 * assigned to no group is not enrolled.
 */
export declare function readMembership(found: unknown): Membership;
/** Forces groups: they replace what was assigned, and are told apart from it on every event. */
export declare function force(found: unknown, forced: ReadonlyMap<string, string>): Membership;
/** Reads one of the streams. One that is no object is none; it hides no other. */
export declare function readStream(streams: Streams, name: string): StreamConfig | null;
