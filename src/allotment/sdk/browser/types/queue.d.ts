/** Calls that wait until the streams map is there, and the attempts to get it. */
import { type StreamConfigs } from "./configuration.js";
/** A call that needs the configuration. */
export interface Call {
    readonly _run: (streams: StreamConfigs) => void;
    /** Told when the call is given up. */
    readonly _lost?: () => void;
}
export declare class ConfigurationQueue {
    private readonly _ask;
    private readonly _guard;
    private readonly _warn;
    private _found;
    private readonly _waiting;
    private _loading;
    private _notBefore;
    /**
     * @param _ask - gives the streams map or a promise of it; it may throw, and be asked again
     * @param _guard - runs code so that what it throws goes no further
     */
    constructor(_ask: () => unknown, _guard: (run: () => void) => void, _warn: (message: string) => void);
    /** The streams, if they are there or can be had without waiting. */
    _streams(): StreamConfigs | undefined;
    /** Runs the call: now, or in its turn once the streams are there. The oldest give way. */
    _add(call: Call): void;
    /** Gives the oldest calls up, but for so many. */
    private _abandon;
    private _load;
    private readonly _arrive;
    private _fail;
}
/** Twice as long each time, and spread, so that many pages do not all come back at once. */
export declare function retryAfter(first: number, attempt: number): number;
