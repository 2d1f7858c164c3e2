/** What the client asks of the page it runs in. Another platform writes its own `Integration`. */
import type { Context } from "./attributes.js";
import { type ExperimentConfig, type Membership, type PageConfig } from "./configuration.js";
export interface Integration {
    /** Host name for `meta.domain`. */
    getHostname(): string;
    /** All contextual attributes that the page knows, by object. */
    getContextAttributes(): Context;
    /** The visitor's membership, the `experiments` record of events. */
    getCurrentUserExperiments(): Membership;
    /** The streams map; a promise where it must be fetched. It may reject: the client tries again. */
    getStreamConfigs(): unknown | Promise<unknown>;
    /** Address that events are posted to; null where there is none. */
    getIntakeUrl(): string | null;
    /** Where an experiment's own events go; undefined where the page does not say it. */
    getExperimentConfig?(name: string): ExperimentConfig | undefined;
    /** Whether events may be sent to begin with; true without it. */
    hasConsent?(): boolean;
    /** Exposures that were told before this moment, in Unix seconds, are told again. */
    getExposureReset?(): number | undefined;
}
export interface DefaultIntegrationOptions {
    /** Origin of the registry, asked for the streams where the page does not bring them. */
    readonly registryOrigin?: string | undefined;
    /** Address of the intake, where the page does not bring it. */
    readonly intakeUrl?: string | undefined;
}
declare global {
    interface Window {
        allotmentConfig?: PageConfig;
        allotmentUserExperiments?: unknown;
    }
}
/** Reads `window.allotmentConfig` and `window.allotmentUserExperiments`; else asks the registry. */
export declare class DefaultIntegration implements Integration {
    private readonly _options;
    constructor(_options?: DefaultIntegrationOptions);
    getHostname(): string;
    getContextAttributes(): Context;
    getCurrentUserExperiments(): Membership;
    getStreamConfigs(): unknown | Promise<unknown>;
    getIntakeUrl(): string | null;
    getExperimentConfig(name: string): ExperimentConfig | undefined;
    hasConsent(): boolean;
    getExposureReset(): number | undefined;
}
/** A record, with the groups that the page's address forces by `?mpo=` (cached pages too). */
export declare function forcedByAddress(record: unknown): Membership;
/** The streams of a registry, for one site. */
export declare function fetchStreams(origin: string, site?: string | null): Promise<unknown>;
