/** An experiment as the visitor sees it. */
import type { Data } from "./core.js";
import type { Instrumentation, Sender } from "./instrument.js";
export declare class Experiment implements Sender {
    readonly name: string;
    private readonly _client;
    /** The visitor's group; null where the visitor is not in the experiment. */
    getAssignedGroup(): string | null;
    /** Whether the visitor's group is one of these. */
    isAssignedGroup(...groups: string[]): boolean;
    /**
     * Sends an event on the experiment's stream, where the visitor is in the experiment; the stream's
     * own sample does not count, since the enrollment was the draw. The experiment's name stands in
     * `instrument_name`: it tells the experiment's own events from those that only carry its
     * membership.
     *
     * @param attributes - contextual attributes beside those that the configuration asks for
     */
    send(action: string, data?: Data, attributes?: readonly string[]): void;
    /** The same as {@link send}. */
    submitInteraction(action: string, data?: Data, attributes?: readonly string[]): void;
    /**
     * Says that the visitor has now met the group: an event `experiment_exposure`, once a page, and
     * seldom in a session. Another group, subject or version of the experiment is a new exposure.
     */
    sendExposure(): void;
    /** Starts an instrumentation, where the visitor is in the experiment, once there is consent. */
    use(instrumentation: Instrumentation): this;
    private _send;
}
