/** The client: makes events out of calls, and hands them to the delivery. */

import { merged, requested, type Context } from "./attributes.js";
import {
  asObject,
  asText,
  readMembership,
  type Membership,
  type StreamConfig,
  type StreamConfigs,
} from "./configuration.js";
import { Delivery, type Counters, type DropReason } from "./delivery.js";
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

/** What is different about the events of an experiment. */
interface OfExperiment {
  /** Attributes beside those of the stream. */
  readonly _values: readonly string[];
  /** Called once the event is handed to the delivery. */
  readonly _done?: (() => void) | undefined;
}

export class Client {
  readonly version = __VERSION__;
  /** @internal The exposures that were told on this page. */
  readonly _exposed = new Set<string>();
  private readonly _delivery: Delivery;
  // Without a prototype: an experiment may be named `constructor`.
  private readonly _instruments = Object.create(null) as Record<string, Instrument>;
  private readonly _experiments = Object.create(null) as Record<string, Experiment>;
  private readonly _warned = new Set<string>();
  private readonly _queue: ConfigurationQueue;
  /** What starts once there is consent. */
  private _starts: (() => void)[] = [];

  /** @param _integration - what the client asks of its page */
  constructor(/** @internal */ readonly _integration: Integration) {
    this._delivery = new Delivery(() => _integration.getIntakeUrl(), this._warnOnce);
    this._queue = new ConfigurationQueue(
      () => _integration.getStreamConfigs(),
      this._guard,
      this._warnOnce,
    );
    this.setConsent(_integration.hasConsent?.() ?? true);
  }

  /** How many events were sent, wait and were dropped, since the page was loaded. */
  get counters(): Counters {
    return this._delivery._counters;
  }

  /**
   * Whether events may be sent. Without consent what waits is dropped, nothing is sent, and the
   * client writes no cookie and nothing into the browser's storage.
   */
  setConsent(granted: boolean): void {
    this._guard(() => this._delivery._setOpen(granted));
    if (granted) for (const start of this._starts.splice(0)) start();
  }

  /**
   * Sends an event that the caller made; it must have `$schema`. `meta.stream`, `meta.domain`,
   * `meta.id` and `dt` are filled in; on a stream that is meant for this client also the membership
   * and the attributes that the stream asks for.
   */
  submit(stream: string, event: Data): void {
    this._guard(() => {
      if (asText(event?.$schema)) this._produce(stream, event);
      else this._drop("incomplete", `${stream}: no "$schema"`);
    });
  }

  /** Sends an interaction: `data` cannot replace `action`, `$schema`, `meta`, `dt`, membership. */
  submitInteraction(stream: string, schema: string, action: string, data: Data = {}): void {
    this._interact(stream, action, data, {}, () => schema);
  }

  /** Sends an interaction `click` of the web base schema. */
  submitClick(stream: string, data: Data = {}): void {
    this.submitInteraction(stream, DEFAULT_SCHEMA, "click", data);
  }

  /** The instrument of this name. It may be asked for before the configuration is there. */
  getInstrument(name: string): Instrument {
    return (this._instruments[name] ??= new Instrument(name, this));
  }

  /** The experiment of this name; where the visitor is not in it, it sends nothing. */
  getExperiment(name: string): Experiment {
    return (this._experiments[name] ??= new Experiment(name, this));
  }

  /** The experiments that the visitor is in and whose names begin so. */
  getExperimentsByPrefix(prefix: string): Experiment[] {
    return this.getCurrentUserExperiments()
      .enrolled.filter((name) => name.startsWith(prefix))
      .map((name) => this.getExperiment(name));
  }

  /** The visitor's group in an experiment; null where the visitor is not in it. */
  getExperimentBucketValue(name: string): string | null {
    return this.getCurrentUserExperiments().assigned[name] ?? null;
  }

  /** The visitor's membership: what stands on events as `experiments`. */
  getCurrentUserExperiments(): Membership {
    try {
      return readMembership(this._integration.getCurrentUserExperiments());
    } catch (error) {
      this._warnOnce(`The membership cannot be read: ${error}`);
      return readMembership(null);
    }
  }

  /** Whether the events of a stream or an instrument are in its sample. Unknown: false. */
  isStreamInSample(name: string): boolean {
    let found = false;
    this._guard(() => {
      const config = this._queue._streams()?.get(name);
      // Without consent no session id may be made, by which the sample is drawn.
      found =
        !!config &&
        this._hasConsent &&
        this._sampled(config, this._integration.getContextAttributes());
    });
    return found;
  }

  /** Sends all that waits, now. */
  flush(): void {
    this._guard(() => this._delivery._flush());
  }

  /** Calls back once the configuration is there: at once where it is there already. */
  whenConfigured(run: () => void): void {
    this._guard(() => this._queue._add({ _run: run }));
  }

  /** @internal */
  get _hasConsent(): boolean {
    return this._delivery._isOpen;
  }

  /** @internal Runs once there is consent. */
  _whenAllowed(run: () => void): void {
    if (this._hasConsent) run();
    else this._starts.push(run);
  }

  /**
   * Sends an interaction with fields that the caller cannot replace. For instruments and
   * experiments; pages call {@link submitInteraction}.
   *
   * @internal
   */
  _interact(
    stream: string,
    action: string,
    data: Data,
    fixed: Data,
    schemaOf: (config: StreamConfig) => string,
    experiment?: OfExperiment,
  ): void {
    this._guard(() => {
      if (!asText(action)) {
        this._drop("incomplete", `${stream}: no "action"`);
        return;
      }
      const { meta: _, sample: __, ...own } = data ?? {};
      this._produce(stream, { ...own, ...fixed, action }, schemaOf, experiment);
    });
  }

  /**
   * Runs code that a page handed over; what it throws is a warning.
   *
   * @internal
   */
  _guard = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      this._warnOnce(`A call failed: ${error}`);
    }
  };

  /** @internal */
  _warnOnce = (message: string): void => {
    if (this._warned.has(message)) return;
    this._warned.add(message);
    console.warn(`[allotment] ${message}`);
  };

  private _drop(reason: DropReason, detail?: unknown): void {
    this._delivery._drop(reason, 1, detail);
  }

  /** Whether events may be made here and now; if not, one is counted as lost. */
  private _refused(): boolean {
    if (!this._hasConsent) {
      this._drop("no_consent");
    } else if (navigator.cookieEnabled === false) {
      // Such a visitor looks new on every page, so its events would mislead.
      this._drop("cookies_disabled");
    } else {
      return false;
    }
    return true;
  }

  /** @param schemaOf - of an interaction; an event that the page made has its schema */
  private _produce(
    stream: string,
    data: Data,
    schemaOf?: (config: StreamConfig) => string,
    experiment?: OfExperiment,
  ): void {
    if (this._refused()) return;
    // A copy: the page may go on using the object while the event waits.
    let own: Data;
    try {
      own = JSON.parse(JSON.stringify(data)) as Data;
    } catch (error) {
      this._drop("not_json", error);
      return;
    }
    // The moment of the call: an event that waits for configuration tells of it.
    const dt = new Date().toISOString();
    const context = this._integration.getContextAttributes();
    const experiments = this.getCurrentUserExperiments();
    const _run = (streams: StreamConfigs): void => {
      const config = streams.get(stream);
      const target = config?._target ?? stream;
      if (!config || !streams.has(target)) {
        this._drop("unknown_stream", config ? target : stream);
        return;
      }
      // Consent may be gone by now.
      if (this._refused() || (!experiment && !this._sampled(config, context))) return;
      const { sample } = config;
      const isEnriched = schemaOf || config._isMetrics;
      const event = merged(
        isEnriched
          ? requested([...config._values, ...(experiment?._values ?? [])], context)
          : {},
        {
          ...own,
          ...(schemaOf && { $schema: schemaOf(config) }),
          ...(schemaOf && !experiment && sample && { sample }),
          dt,
          meta: {
            ...asObject(own.meta),
            stream: target,
            domain: this._integration.getHostname(),
            // Set here, so that an event which is sent twice is told apart from two events.
            id: randomUuid(),
          },
        },
      );
      if (isEnriched) {
        delete event.experiments;
        if (experiments.enrolled.length) event.experiments = experiments;
      }
      this._delivery._add(event);
      experiment?._done?.();
    };
    this._queue._add({ _run, _lost: () => this._drop("no_configuration") });
  }

  private _sampled({ sample }: StreamConfig, context: Context): boolean {
    if (sample === undefined) return true;
    if (sample === null) return false;
    const { unit, rate } = sample;
    if (unit !== "pageview" && unit !== "session") return false;
    return inSample(String(context.performer?.[`${unit}_id`] ?? ""), rate);
  }
}
