/** An experiment and an instrument as one visitor meets them, each addressed by its name alone. */

import {
  DEFAULT_STREAM,
  defaultSchema,
  requestedAttributes,
  type Experiment,
  type Instrument,
} from "./documents.js";
import type { MembershipReason } from "./enrollment.js";
import type { Data } from "./events.js";
import type { EventOptions, Visitor } from "./visitor.js";

export const EXPOSURE_ACTION = "experiment_exposure";
/** What an exposure tells beside what its experiment asks for. */
const EXPOSURE_ATTRIBUTES = [
  "performer_is_logged_in",
  "performer_is_temp",
  "performer_is_bot",
  "performer_edit_count",
  "mediawiki_database",
];
const POSITION = "funnel_event_sequence_position";

export class ExperimentHandle {
  readonly #visitor: Visitor;
  readonly #configured: Experiment | undefined;

  /** @internal Sites call `Visitor.getExperiment`. */
  constructor(
    visitor: Visitor,
    readonly name: string,
  ) {
    this.#visitor = visitor;
    this.#configured = visitor.configuration.experiments.get(name);
  }

  /** The visitor's group; null where it is not enrolled. */
  getAssignedGroup(): string | null {
    return this.#visitor.membership.group(this.name);
  }

  /**
   * Why the visitor is in that group, or in none: the step of the law that decided, else
   * `no_subject` (the visitor has no id of the kind that is randomized), `edge`,
   * `edge_unknown_group` or `unknown_experiment`.
   */
  getReason(): MembershipReason {
    return this.#visitor.membership.reason(this.name);
  }

  /** Whether the visitor is in one of these groups. */
  isAssignedGroup(...groups: string[]): boolean {
    const group = this.getAssignedGroup();
    return group !== null && groups.includes(group);
  }

  /**
   * Sends an event to the experiment's stream; nothing for a visitor who is not enrolled. The
   * experiment's name stands in `instrument_name`: it tells the experiment's own events from those
   * that only carry its membership. A forced group of an experiment that nobody has configured, such
   * as a draft, sends to `product_metrics.web_base`, and so does one that names no stream.
   *
   * @returns whether the event is on its way
   */
  send(action: string, data?: Data, options?: EventOptions): boolean {
    return this.#send(action, data, options);
  }

  #send(
    action: string,
    data: Data | undefined,
    { at, attributes = [] }: EventOptions = {},
  ): boolean {
    const visitor = this.#visitor;
    const experiment = this.#configured;
    if (this.getAssignedGroup() === null) return visitor.refuse("not_enrolled", "");
    const stream = experiment?.streamName || DEFAULT_STREAM;
    const settings = visitor.configuration.streams.get(stream);
    if (!settings) {
      return experiment
        ? visitor.refuse("unknown_stream", `stream '${stream}' of '${this.name}' is not configured`)
        : visitor.refuse(
            "unknown_experiment",
            `experiment '${this.name}' is not configured, nor is '${stream}'`,
          );
    }
    return visitor.send({
      stream,
      schema: experiment?.schemaId || defaultSchema(settings),
      action,
      data,
      attributes: [
        ...requestedAttributes(settings),
        ...(experiment?.contextualAttributes ?? []),
        ...attributes,
      ],
      fixed: { instrument_name: this.name },
      at,
    });
  }

  /** The same as {@link send}. */
  submitInteraction(action: string, data?: Data, options?: EventOptions): boolean {
    return this.send(action, data, options);
  }

  /**
   * Says that the visitor has now met its group. Call it where they do, not before. A visitor is
   * exposed once: what is said again in one request counts as `already_exposed`. Beside what the
   * experiment asks for, the event tells whether the reader is logged in, has a temporary account or
   * is a bot, the edit count, and the site, as far as they are known.
   *
   * @returns whether the event is on its way
   */
  sendExposure(): boolean {
    return this.#visitor.expose(this.name, () =>
      this.#send(EXPOSURE_ACTION, undefined, { attributes: EXPOSURE_ATTRIBUTES }),
    );
  }
}

export class InstrumentHandle {
  readonly #visitor: Visitor;
  readonly #configured: Instrument | undefined;

  /** @internal Sites call `Visitor.getInstrument`. */
  constructor(
    visitor: Visitor,
    readonly name: string,
  ) {
    this.#visitor = visitor;
    this.#configured = visitor.configuration.instruments.get(name);
  }

  /** Whether the instrument is active and this visitor's unit is in its sample here. */
  isInSample(): boolean {
    const instrument = this.#configured;
    if (!instrument) return false;
    const now = Date.now();
    const { start, end, sampleUnit } = instrument;
    const isActive = (start === null || start <= now) && (end === null || now <= end);
    return isActive && this.#visitor.inSample(sampleUnit, this.#rate(instrument));
  }

  /**
   * Sends an event as this instrument; nothing where the visitor is not in its sample. The event has
   * the instrument's name as `instrument_name`, and `1, 2, …` as `funnel_event_sequence_position`,
   * unless `data` has a number of its own there.
   *
   * @returns whether the event is on its way
   */
  send(action: string, data?: Data, { at, attributes = [] }: EventOptions = {}): boolean {
    const visitor = this.#visitor;
    const instrument = this.#configured;
    if (!instrument) {
      return visitor.refuse("unknown_instrument", `instrument '${this.name}' is not configured`);
    }
    if (!this.isInSample()) return visitor.refuse("not_sampled", "");
    const { streamName, schemaId, sampleUnit, contextualAttributes } = instrument;
    if (!visitor.configuration.streams.has(streamName)) {
      const text = `stream '${streamName}' of '${this.name}' is not configured`;
      return visitor.refuse("unknown_stream", text);
    }
    const position = data?.[POSITION] ?? visitor.nextStep(this.name);
    return visitor.send({
      stream: streamName,
      schema: schemaId,
      action,
      data,
      attributes: [...contextualAttributes, ...attributes],
      sample: { unit: sampleUnit, rate: this.#rate(instrument) },
      fixed: { instrument_name: this.name, [POSITION]: position },
      at,
    });
  }

  /** The same as {@link send}. */
  submitInteraction(action: string, data?: Data, options?: EventOptions): boolean {
    return this.send(action, data, options);
  }

  #rate({ sampleRate }: Instrument): number {
    return sampleRate.sites.get(this.#visitor.site) ?? sampleRate.default;
  }
}
