/** An experiment as the visitor sees it. */

import { DEFAULT_SCHEMA, DEFAULT_STREAM, type Client, type Data } from "./client.js";
import type { Instrumentation, Sender } from "./instrument.js";

export class Experiment implements Sender {
  /** @internal Pages call `getExperiment`. */
  constructor(
    readonly name: string,
    private readonly client: Client,
  ) {}

  /** The visitor's group; null where the visitor is not in the experiment. */
  getAssignedGroup(): string | null {
    return this.client.getExperimentBucketValue(this.name);
  }

  /** Whether the visitor's group is one of these. */
  isAssignedGroup(...groups: string[]): boolean {
    const group = this.getAssignedGroup();
    return group !== null && groups.includes(group);
  }

  /**
   * Sends an event on the experiment's stream, where the visitor is in the experiment. The
   * experiment's name stands in `instrument_name`: it tells the experiment's own events from those
   * that only carry its membership.
   */
  send(action: string, data: Data = {}): void {
    this.client.guard(() => {
      if (this.getAssignedGroup() === null) return;
      const config = this.client.getExperimentConfig(this.name);
      this.client.interact(
        config?.stream_name || DEFAULT_STREAM,
        action,
        data,
        { instrument_name: this.name },
        ({ schemaId }) => config?.schema_id || schemaId || DEFAULT_SCHEMA,
        config?.contextual_attributes,
      );
    });
  }

  /** The same as {@link send}. */
  submitInteraction(action: string, data: Data = {}): void {
    this.send(action, data);
  }

  /** Starts an instrumentation, where the visitor is in the experiment. */
  use(instrumentation: Instrumentation): this {
    if (this.getAssignedGroup() !== null) this.client.guard(() => instrumentation(this));
    return this;
  }
}
