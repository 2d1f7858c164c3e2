/** The client: makes events out of calls, and hands them to the delivery. */

import { merged, requested, type Context } from "./attributes.js";
import {
  asObject,
  asText,
  readMembership,
  type ExperimentConfig,
  type Membership,
  type StreamConfig,
  type StreamConfigs,
} from "./configuration.js";
import { Delivery, type Counters } from "./delivery.js";
import { Experiment } from "./experiment.js";
import { randomUuid } from "./identity.js";
import { Instrument } from "./instrument.js";
import type { Integration } from "./integration.js";
import { inSample } from "./law.js";
import { ConfigurationQueue } from "./queue.js";

export const DEFAULT_SCHEMA = "/analytics/product_metrics/web/base/1.3.0";
export const DEFAULT_STREAM = "product_metrics.web_base";

/** Data of an event: anything that its schema allows. */
export type Data = Readonly<Record<string, unknown>>;

/** The moment of a call: an event that waits for configuration tells of it, not of its sending. */
interface Moment {
  readonly dt: string;
  readonly context: Context;
  readonly experiments: Membership;
}

export class Client {
  readonly version = __VERSION__;
  private readonly delivery: Delivery;
  private readonly instruments = new Map<string, Instrument>();
  private readonly experiments = new Map<string, Experiment>();
  private readonly warned = new Set<string>();
  private readonly queue: ConfigurationQueue;

  constructor(private readonly integration: Integration) {
    this.delivery = new Delivery(() => integration.getIntakeUrl(), this.warnOnce);
    this.queue = new ConfigurationQueue(() => integration.getStreamConfigs(), {
      guard: this.guard,
      warn: this.warnOnce,
      drop: (message) => this.delivery.drop("no_configuration", 1, message),
    });
  }

  /** How many events were sent, wait and were dropped, since the page was loaded. */
  get counters(): Counters {
    return this.delivery.counters;
  }

  /**
   * Sends an event that the caller made; it must have `$schema`. `meta.stream`, `meta.domain`,
   * `meta.id` and `dt` are filled in; on a stream that is meant for this client also the membership
   * and the attributes that the stream asks for.
   */
  submit(stream: string, event: Data): void {
    this.guard(() => {
      if (!asText(event?.$schema)) {
        this.incomplete(`submit(${stream}, event): the event has no "$schema".`);
        return;
      }
      this.produce(stream, event, (config) => config.isMetrics);
    });
  }

  /** Sends an interaction: `data` cannot replace `action`, `$schema`, `meta`, `dt`, membership. */
  submitInteraction(stream: string, schema: string, action: string, data: Data = {}): void {
    this.interact(stream, action, data, {}, () => schema);
  }

  /** The instrument of this name. It may be asked for before the configuration is there. */
  getInstrument(name: string): Instrument {
    return remembered(this.instruments, name, () => new Instrument(name, this));
  }

  /** The experiment of this name; where the visitor is not in it, it sends nothing. */
  getExperiment(name: string): Experiment {
    return remembered(this.experiments, name, () => new Experiment(name, this));
  }

  /** The visitor's group in an experiment; null where the visitor is not in it. */
  getExperimentBucketValue(name: string): string | null {
    return this.getCurrentUserExperiments().assigned[name] ?? null;
  }

  /** The visitor's membership: what stands on events as `experiments`. */
  getCurrentUserExperiments(): Membership {
    try {
      return readMembership(this.integration.getCurrentUserExperiments());
    } catch (error) {
      this.warnOnce(`The membership cannot be read (${error}); nobody counts as enrolled.`);
      return readMembership(null);
    }
  }

  /** Whether the events of a stream or an instrument are in its sample. Unknown: false. */
  isStreamInSample(name: string): boolean {
    try {
      const config = this.queue.streams()?.get(name);
      return config !== undefined && this.sampled(config, this.integration.getContextAttributes());
    } catch (error) {
      this.warnOnce(`The sampling of ${name} failed (${error}).`);
      return false;
    }
  }

  /** Sends all that waits, now. */
  flush(): void {
    this.guard(() => this.delivery.flush());
  }

  /** Calls back once the configuration is there: at once where it is there already. */
  whenConfigured(run: () => void): void {
    this.guard(() => this.queue.add({ run, isEvent: false }));
  }

  /** @internal */
  getExperimentConfig(name: string): ExperimentConfig | undefined {
    return this.integration.getExperimentConfig?.(name);
  }

  /**
   * Sends an interaction with fields that the caller cannot replace. For instruments and
   * experiments; pages call {@link submitInteraction}.
   *
   * @internal
   */
  interact(
    stream: string,
    action: string,
    data: Data,
    fixed: Data,
    schemaOf: (config: StreamConfig) => string,
    values: readonly string[] = [],
  ): void {
    this.guard(() => {
      if (!asText(action)) {
        this.incomplete(`An interaction on ${stream} has no "action".`);
        return;
      }
      const { meta: _, sample: __, ...own } = data ?? {};
      this.produce(
        stream,
        { ...own, ...fixed, action },
        () => true,
        ({ sample, ...config }) => ({ $schema: schemaOf(config), ...(sample ? { sample } : {}) }),
        values,
      );
    });
  }

  /**
   * Runs code that a page handed over; what it throws is a warning.
   *
   * @internal
   */
  guard = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      this.warnOnce(`A call failed: ${error}`);
    }
  };

  /** @internal */
  warnOnce = (message: string): void => {
    if (this.warned.has(message)) return;
    this.warned.add(message);
    console.warn(`[allotment] ${message}`);
  };

  private incomplete(message: string): void {
    this.delivery.drop("incomplete", 1, `${message} No event is sent.`);
  }

  private produce(
    stream: string,
    data: Data,
    isEnriched: (config: StreamConfig) => boolean,
    ofConfig: (config: StreamConfig) => Data = () => ({}),
    values: readonly string[] = [],
  ): void {
    if (navigator.cookieEnabled === false) {
      // Such a visitor looks new on every page, so its events would mislead.
      this.delivery.drop("cookies_disabled", 1, "Cookies are disabled; events are not sent.");
      return;
    }
    // A copy: the page may go on using the object while the event waits.
    const own = this.copy(data);
    if (!own) return;
    const moment: Moment = {
      dt: new Date().toISOString(),
      context: this.integration.getContextAttributes(),
      experiments: this.getCurrentUserExperiments(),
    };
    const run = (streams: StreamConfigs): void => {
      const config = streams.get(stream);
      const target = config?.target ?? stream;
      if (!config || !streams.has(target)) {
        this.delivery.drop(
          "unknown_stream",
          1,
          `The stream or instrument ${config ? target : stream} is not configured or not active.`,
        );
      } else if (this.sampled(config, moment.context)) {
        const event = { ...own, ...ofConfig(config) };
        const names = isEnriched(config) ? [...config.values, ...values] : null;
        this.delivery.add(this.complete(event, target, names, moment));
      }
    };
    this.queue.add({ run, isEvent: true });
  }

  /** The event as it is sent. `names`: the attributes asked for; null: leave it as it is. */
  private complete(
    event: Data,
    target: string,
    names: readonly string[] | null,
    { dt, context, experiments }: Moment,
  ): Record<string, unknown> {
    const attributes = names
      ? requested(names, context, (name) =>
          this.warnOnce(`The contextual attribute ${name} is not known; it is left out.`),
        )
      : {};
    const whole = merged(attributes, {
      ...event,
      dt,
      meta: {
        ...asObject(event.meta),
        stream: target,
        domain: this.integration.getHostname(),
        // Set here, so that an event which is sent twice is told apart from two events.
        id: randomUuid(),
      },
    });
    if (names) {
      delete whole.experiments;
      if (experiments.enrolled.length) whole.experiments = experiments;
    }
    return whole;
  }

  private copy(data: Data): Data | null {
    try {
      return JSON.parse(JSON.stringify(data)) as Data;
    } catch (error) {
      this.delivery.drop("not_json", 1, `An event is no JSON (${error}); it is not sent.`);
      return null;
    }
  }

  private sampled({ sample }: StreamConfig, context: Context): boolean {
    if (sample === undefined) return true;
    if (sample === null) return false;
    const { unit, rate } = sample;
    if (unit !== "pageview" && unit !== "session") return false;
    return inSample(String(context.performer?.[`${unit}_id`] ?? ""), rate);
  }
}

function remembered<T>(items: Map<string, T>, name: string, make: () => T): T {
  const found = items.get(name) ?? make();
  items.set(name, found);
  return found;
}
