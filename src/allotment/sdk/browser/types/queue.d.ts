/** Calls that wait until the streams map is there, and the attempts to get it. */
import { type Streams } from "./configuration.js";
/** A call that needs the configuration; null: it is given up. */
export type Call = (streams: Streams | null) => void;
export interface ConfigurationQueue {
    /** The streams, if they are there or can be had without waiting. */
    _streams(): Streams | null;
    /** Runs the call: now, or in its turn once the streams are there. The oldest give way. */
    _add(call: Call): void;
}
/**
 * @param ask - gives the streams map or a promise of it; where it fails it is asked again
 * @param guard - runs code so that what it throws goes no further
 */
export declare function createQueue(ask: () => unknown, guard: (run: () => void) => void, warn: (message: string) => void): ConfigurationQueue;
/** In ms: twice as long each time, up to about a minute, and spread, so that many pages do not all
 * come back at once. */
export declare function retryAfter(failures: number): number;
