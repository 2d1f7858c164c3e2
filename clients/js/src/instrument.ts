/** An instrument: addressed by its name alone, the rest comes from its configuration. */

import type { Client } from "./client.js";
import type { Data } from "./core.js";

/** What instrumentations send through: an instrument or an experiment. */
export interface Sender {
  readonly name: string;
  submitInteraction(action: string, data?: Data, attributes?: readonly string[]): void;
}

/** A piece of instrumentation that can be handed to `use`. */
export type Instrumentation = (sender: Sender) => void;

export class Instrument implements Sender {
  private _position = 0;

  /** @internal Pages call `getInstrument`. */
  constructor(
    readonly name: string,
    private readonly _client: Client,
  ) {}

  /** Whether this page view or session is in the instrument's sample; false while not known. */
  isInSample(): boolean {
    return this._client.isStreamInSample(this.name);
  }

  /**
   * Sends an event with `instrument_name` and `funnel_event_sequence_position` (1, 2, … on this
   * page). Who counts a funnel of their own gives the position in `data`.
   *
   * @param attributes - contextual attributes beside those that the configuration asks for
   */
  submitInteraction(action: string, data?: Data, attributes?: readonly string[]): void {
    const fixed = {
      instrument_name: this.name,
      funnel_event_sequence_position: data?.funnel_event_sequence_position ?? ++this._position,
    };
    this._client._interact(
      this.name,
      action,
      data,
      fixed,
      ({ _schemaId }) => _schemaId,
      attributes,
    );
  }

  /** The same as {@link submitInteraction}. */
  send(action: string, data?: Data, attributes?: readonly string[]): void {
    this.submitInteraction(action, data, attributes);
  }

  /** Starts an instrumentation, where the instrument is in its sample, once there is consent. */
  use(instrumentation: Instrumentation): this {
    const client = this._client;
    client._whenAllowed(() =>
      client.whenConfigured(() => {
        if (this.isInSample()) instrumentation(this);
      }),
    );
    return this;
  }
}
