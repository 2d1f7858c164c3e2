/** What the client asks of a page of MediaWiki: its variables, its user and its session. */
import type { Context } from "./attributes.js";
import { type ExperimentConfig, type Membership, type PageConfig } from "./configuration.js";
import { type Integration } from "./integration.js";
/** As much of `window.mw` as is asked. */
export interface MediaWiki {
    readonly config: {
        get(name: string): unknown;
    };
    readonly user: {
        isAnon(): boolean;
        isTemp?(): boolean;
        sessionId(): string;
        getPageviewToken(): string;
    };
}
export interface MediaWikiOptions {
    /** Settings of the client; the page's variable `wgAllotmentConfig` goes before. */
    readonly config?: PageConfig;
    /** Origin of the registry, asked for the streams where the page does not bring them. */
    readonly registryOrigin?: string;
    /** `window.mw`, unless a test gives another. */
    readonly mw?: MediaWiki;
}
/**
 * Reads a page of MediaWiki. It needs the page's module `mediawiki.user`:
 * `(window.RLQ ??= []).push([["mediawiki.user"], () => createClient(new MediaWikiIntegration())])`.
 */
export declare class MediaWikiIntegration implements Integration {
    private readonly _options;
    private readonly _mw;
    constructor(_options?: MediaWikiOptions);
    getHostname(): string;
    /** The web attributes of `page`, `mediawiki`, `performer` and `agent`; what is not known is null. */
    getContextAttributes(): Context;
    getCurrentUserExperiments(): Membership;
    getStreamConfigs(): unknown | Promise<unknown>;
    getIntakeUrl(): string | null;
    getExperimentConfig(name: string): ExperimentConfig | undefined;
    hasConsent(): boolean;
    getExposureReset(): number;
    private _config;
    private _text;
    /**
     * The membership in our own shape. The extensions before us leave out what they know: who was
     * forced stands in `overrides` alone, or in `coordinator`; what was randomized follows from the
     * experiment's settings, and else from the subject id.
     */
    private _record;
}
