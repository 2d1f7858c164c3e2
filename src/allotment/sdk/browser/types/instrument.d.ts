/** An instrument: addressed by its name alone, the rest comes from its configuration. */
import type { Data } from "./core.js";
/** What instrumentations send through: an instrument or an experiment. */
export interface Sender {
    readonly name: string;
    submitInteraction(action: string, data?: Data, attributes?: readonly string[]): void;
}
/** A piece of instrumentation that can be handed to `use`. */
export type Instrumentation = (sender: Sender) => void;
export declare class Instrument implements Sender {
    readonly name: string;
    private readonly _client;
    private _position;
    /** Whether this page view or session is in the instrument's sample; false while not known. */
    isInSample(): boolean;
    /**
     * Sends an event with `instrument_name` and `funnel_event_sequence_position` (1, 2, … on this
     * page). Who counts a funnel of their own gives the position in `data`.
     *
     * @param attributes - contextual attributes beside those that the configuration asks for
     */
    submitInteraction(action: string, data?: Data, attributes?: readonly string[]): void;
    /** The same as {@link submitInteraction}. */
    send(action: string, data?: Data, attributes?: readonly string[]): void;
    /** Starts an instrumentation, where the instrument is in its sample, once there is consent. */
    use(instrumentation: Instrumentation): this;
}
