/** An experiment as the visitor sees it. */

import type { Client } from "./client.js";
import { DEFAULT_STREAM } from "./configuration.js";
import type { Data, OfExperiment } from "./core.js";
import { isDue, remember } from "./exposure.js";
import type { Instrumentation, Sender } from "./instrument.js";

const EXPOSURE_ATTRIBUTES = [
  ...["is_logged_in", "is_temp", "is_bot", "edit_count"].map((key) => `performer_${key}`),
  "mediawiki_database",
];

export class Experiment implements Sender {
  /** @internal Pages call `getExperiment`. */
  constructor(
    readonly name: string,
    private readonly _client: Client,
  ) {}

  /** The visitor's group; null where the visitor is not in the experiment. */
  getAssignedGroup(): string | null {
    return this._client.getExperimentBucketValue(this.name);
  }

  /** Whether the visitor's group is one of these. */
  isAssignedGroup(...groups: string[]): boolean {
    return (groups as (string | null)[]).includes(this.getAssignedGroup());
  }

  /**
   * Sends an event on the experiment's stream, where the visitor is in the experiment; the stream's
   * own sample does not count, since the enrollment was the draw. The experiment's name stands in
   * `instrument_name`: it tells the experiment's own events from those that only carry its
   * membership.
   *
   * @param attributes - contextual attributes beside those that the configuration asks for
   */
  send(action: string, data?: Data, attributes?: readonly string[]): void {
    this._send(action, data, attributes, { _due: () => true });
  }

  /** The same as {@link send}. */
  submitInteraction(action: string, data?: Data, attributes?: readonly string[]): void {
    this.send(action, data, attributes);
  }

  /**
   * Says that the visitor has now met the group: an event `experiment_exposure`, once a page, and
   * seldom in a session. Another group, subject or version of the experiment is a new exposure.
   */
  sendExposure(): void {
    const client = this._client;
    client._guard(() => {
      const { name } = this;
      const { assigned, versions, subject_ids } = client.getCurrentUserExperiments();
      const key =
        "allotment-exposure." +
        [name, assigned[name], versions[name] ?? "v0", subject_ids[name]].join(":");
      const reset = (client._integration.getExposureReset?.() ?? 0) * 1_000;
      if (!client._hasConsent) return;
      this._send("experiment_exposure", undefined, EXPOSURE_ATTRIBUTES, {
        // Asked when the event is made: what was lost before then does not count as told.
        _due: () => !client._exposed.has(key) && isDue(key, reset),
        _done: () => {
          client._exposed.add(key);
          remember(key);
        },
      });
    });
  }

  /** Starts an instrumentation, where the visitor is in the experiment, once there is consent. */
  use(instrumentation: Instrumentation): this {
    const client = this._client;
    if (this.getAssignedGroup() !== null) {
      client._whenAllowed(() => client._guard(() => instrumentation(this)));
    }
    return this;
  }

  private _send(
    action: string,
    data: Data | undefined,
    attributes: readonly string[] | undefined,
    told: OfExperiment,
  ): void {
    const client = this._client;
    client._guard(() => {
      if (this.getAssignedGroup() === null) return;
      const config = client._integration.getExperimentConfig?.(this.name);
      client._interact(
        config?.stream_name || DEFAULT_STREAM,
        action,
        data,
        { instrument_name: this.name },
        ({ _schemaId }) => config?.schema_id || _schemaId,
        // Callers without types give null.
        [...(config?.contextual_attributes ?? []), ...(attributes ?? [])],
        told,
      );
    });
  }
}
