/** The client of a page: the core's calls, and experiments and instruments by their names. */
import { Core } from "./core.js";
import { Experiment } from "./experiment.js";
import { Instrument } from "./instrument.js";
export declare class Client extends Core {
    private readonly _instruments;
    private readonly _experiments;
    /** What starts once there is consent. */
    private _starts;
    setConsent(granted: boolean): void;
    /** The instrument of this name. It may be asked for before the configuration is there. */
    getInstrument(name: string): Instrument;
    /** The experiment of this name; where the visitor is not in it, it sends nothing. */
    getExperiment(name: string): Experiment;
    /** The experiments that the visitor is in and whose names begin so. */
    getExperimentsByPrefix(prefix: string): Experiment[];
    /** The visitor's group in an experiment; null where the visitor is not in it. */
    getExperimentBucketValue(name: string): string | null;
}
