/** An instrument: addressed by its name alone, the rest comes from its configuration. */

import { DEFAULT_SCHEMA, type Client, type Data } from "./client.js";

/** What instrumentations send through: an instrument or an experiment. */
export interface Sender {
  readonly name: string;
  submitInteraction(action: string, data?: Data): void;
}

/** A piece of instrumentation that can be handed to `use`. */
export type Instrumentation = (sender: Sender) => void;

export class Instrument implements Sender {
  private position = 0;

  /** @internal Pages call `getInstrument`. */
  constructor(
    readonly name: string,
    private readonly client: Client,
  ) {}

  /** Whether this page view or session is in the instrument's sample; false while not known. */
  isInSample(): boolean {
    return this.client.isStreamInSample(this.name);
  }

  /**
   * Sends an event with `instrument_name` and `funnel_event_sequence_position` (1, 2, … on this
   * page). Who counts a funnel of their own gives the position in `data`.
   */
  submitInteraction(action: string, data: Data = {}): void {
    const { funnel_event_sequence_position: own = ++this.position } = data ?? {};
    const fixed = { instrument_name: this.name, funnel_event_sequence_position: own };
    this.client.interact(this.name, action, data, fixed, ({ schemaId, schemaTitle }) => {
      if (!schemaId && schemaTitle && !DEFAULT_SCHEMA.startsWith(`/${schemaTitle}/`)) {
        this.client.warnOnce(
          `${this.name} has the schema title ${schemaTitle} but no schema_id; its events name ` +
            `${DEFAULT_SCHEMA}, which the intake may refuse.`,
        );
      }
      return schemaId ?? DEFAULT_SCHEMA;
    });
  }

  /** The same as {@link submitInteraction}. */
  send(action: string, data: Data = {}): void {
    this.submitInteraction(action, data);
  }

  /** Starts an instrumentation, where the instrument is in its sample. */
  use(instrumentation: Instrumentation): this {
    this.client.whenConfigured(() => {
      if (this.isInSample()) instrumentation(this);
    });
    return this;
  }
}
