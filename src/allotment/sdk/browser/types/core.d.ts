/**
 * What every client does: makes events out of calls, once the configuration is there, and hands
 * them to the delivery.
 */
import { type Membership } from "./configuration.js";
import { type Counters } from "./delivery.js";
import type { Integration } from "./integration.js";
/** Data of an event: anything that its schema allows. */
export type Data = Readonly<Record<string, unknown>>;
/** What is different about the events of an experiment, for which the enrollment was the draw. */
export interface OfExperiment {
    /** Whether it is still to be told, when the event is made. */
    readonly _due: () => boolean;
    /** Called once the event is handed to the delivery. */
    readonly _done?: () => void;
}
/** A client for a page that sends events by the names of their streams. */
export declare class Core {
    readonly version: string;
    private readonly _delivery;
    private readonly _warned;
    private readonly _queue;
    /** @param _integration - what the client asks of its page */
    constructor(/** @internal */ _integration: Integration);
    /** How many events were sent, wait and were dropped, since the page was loaded. */
    get counters(): Counters;
    /**
     * Whether events may be sent. Without consent what waits is dropped, nothing is sent, and the
     * client writes no cookie and nothing into the browser's storage.
     */
    setConsent(granted: boolean): void;
    /**
     * Sends an event that the caller made; it must have `$schema`. `meta.stream`, `meta.domain`,
     * `meta.id` and `dt` are filled in; on a stream that is meant for this client also the membership
     * and the attributes that the stream asks for.
     */
    submit(stream: string, event: Data): void;
    /** Sends an interaction: `data` cannot replace `action`, `$schema`, `meta`, `dt`, membership. */
    submitInteraction(stream: string, schema: string, action: string, data?: Data): void;
    /** Sends an interaction `click` of the web base schema. */
    submitClick(stream: string, data?: Data): void;
    /** The visitor's membership: what stands on events as `experiments`. */
    getCurrentUserExperiments(): Membership;
    /** Whether the events of a stream or an instrument are in its sample. Unknown: false. */
    isStreamInSample(name: string): boolean;
    /** Sends all that waits, now. */
    flush(): void;
    /** Calls back once the configuration is there: at once where it is there already. */
    whenConfigured(run: () => void): void;
    /** Whether events may be made here and now; if not, one is counted as lost. */
    private _refused;
    /**
     * @param schemaOf - of an interaction; an event that the page made has its schema
     * @param values - attributes beside those of the stream
     */
    private _produce;
    private _sampled;
}
