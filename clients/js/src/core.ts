/**
 * What every client does: makes events out of calls, once the configuration is there, and hands
 * them to the delivery.
 */

import { enrich, type Context } from "./attributes.js";
import {
  asObject,
  DEFAULT_SCHEMA,
  readMembership,
  readStream,
  type Membership,
  type StreamConfig,
} from "./configuration.js";
import { createDelivery, type Counters, type Delivery, type DropReason } from "./delivery.js";
import { randomUuid } from "./identity.js";
import type { Integration } from "./integration.js";
import { inSample } from "./law.js";
import { createQueue, type Call, type ConfigurationQueue } from "./queue.js";


/** Data of an event: anything that its schema allows. */
export type Data = Readonly<Record<string, unknown>>;

/** What is different about the events of an experiment, for which the enrollment was the draw. */
export interface OfExperiment {
  /** Whether it is still to be told, when the event is made. */
  readonly _due: () => boolean;
  /** Called once the event is handed to the delivery. */
  readonly _done?: () => void;
}

/** A client for a page that sends events by the names of their streams. */
export class Core {
  readonly version = __VERSION__;
  private readonly _delivery: Delivery;
  private readonly _warned = new Set<string>();
  private readonly _queue: ConfigurationQueue;

  /** @param _integration - what the client asks of its page */
  constructor(/** @internal */ readonly _integration: Integration) {
    this._delivery = createDelivery(() => _integration.getIntakeUrl(), this._warnOnce);
    this._queue = createQueue(
      () => _integration.getStreamConfigs(),
      this._guard,
      this._warnOnce,
    );
    this._delivery._setOpen(_integration.hasConsent?.() ?? true);
  }

  /** How many events were sent, wait and were dropped, since the page was loaded. */
  get counters(): Counters {
    return this._delivery._count();
  }

  /**
   * Whether events may be sent. Without consent what waits is dropped, nothing is sent, and the
   * client writes no cookie and nothing into the browser's storage.
   */
  setConsent(granted: boolean): void {
    this._guard(() => this._delivery._setOpen(granted));
  }

  /**
   * Sends an event that the caller made; it must have `$schema`. `meta.stream`, `meta.domain`,
   * `meta.id` and `dt` are filled in; on a stream that is meant for this client also the membership
   * and the attributes that the stream asks for.
   */
  submit(stream: string, event: Data): void {
    this._guard(() => {
      if (event?.$schema) this._produce(stream, event);
      else this._delivery._drop("incomplete", stream);
    });
  }

  /** Sends an interaction: `data` cannot replace `action`, `$schema`, `meta`, `dt`, membership. */
  submitInteraction(stream: string, schema: string, action: string, data?: Data): void {
    this._interact(stream, action, data, {}, () => schema);
  }

  /** Sends an interaction `click` of the web base schema. */
  submitClick(stream: string, data?: Data): void {
    this.submitInteraction(stream, DEFAULT_SCHEMA, "click", data);
  }

  /** The visitor's membership: what stands on events as `experiments`. */
  getCurrentUserExperiments(): Membership {
    return readMembership(this._guard(() => this._integration.getCurrentUserExperiments()));
  }

  /** Whether the events of a stream or an instrument are in its sample. Unknown: false. */
  isStreamInSample(name: string): boolean {
    return !!this._guard(() => {
      const streams = this._queue._streams();
      const config = streams && readStream(streams, name);
      // Without consent no session id may be made, by which the sample is drawn.
      return (
        config &&
        this._hasConsent &&
        this._sampled(config, this._integration.getContextAttributes())
      );
    });
  }

  /** Sends all that waits, now. */
  flush(): void {
    this._guard(() => this._delivery._flush());
  }

  /** Calls back once the configuration is there: at once where it is there already. */
  whenConfigured(run: () => void): void {
    this._guard(() => this._queue._add((streams) => streams && run()));
  }

  /** @internal */
  get _hasConsent(): boolean {
    return this._delivery._isOpen();
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
    data: Data | undefined,
    fixed: Data,
    schemaOf: (config: StreamConfig) => string,
    values?: readonly string[],
    experiment?: OfExperiment,
  ): void {
    this._guard(() => {
      if (action) this._produce(stream, { ...data, ...fixed, action }, schemaOf, values, experiment);
      else this._delivery._drop("incomplete", stream);
    });
  }

  /**
   * Runs code that a page handed over; what it throws is a warning.
   *
   * @internal
   */
  _guard = <T>(run: () => T): T | undefined => {
    try {
      return run();
    } catch (error) {
      this._warnOnce(`failed: ${error}`);
      return undefined;
    }
  };

  /** @internal */
  _warnOnce = (message: string): void => {
    if (this._warned.has(message)) return;
    this._warned.add(message);
    console.warn(`[allotment] ${message}`);
  };

  /** Whether events may be made here and now; if not, one is counted as lost. */
  private _refused(): boolean {
    let reason: DropReason | false = "no_consent";
    // Whose browser keeps no cookies looks new on every page, so its events would mislead.
    if (this._hasConsent) reason = navigator.cookieEnabled === false && "cookies_disabled";
    if (reason) this._delivery._drop(reason);
    return !!reason;
  }

  /**
   * @param schemaOf - of an interaction; an event that the page made has its schema
   * @param values - attributes beside those of the stream
   */
  private _produce(
    stream: string,
    data: Data,
    schemaOf?: (config: StreamConfig) => string,
    values?: readonly string[],
    experiment?: OfExperiment,
  ): void {
    if (this._refused()) return;
    // A copy: the page may go on using the object while the event waits.
    const own = this._guard(() => JSON.parse(JSON.stringify(data)) as Data);
    if (!own) {
      this._delivery._drop("not_json");
      return;
    }
    // The moment of the call: an event that waits for configuration tells of it.
    const dt = new Date().toISOString();
    const context = this._integration.getContextAttributes();
    const experiments = this.getCurrentUserExperiments();
    const make: Call = (streams) => {
      if (!streams) {
        this._delivery._drop("no_configuration");
        return;
      }
      const config = readStream(streams, stream);
      const target = config?._target || stream;
      if (!config || (config._target && !readStream(streams, target))) {
        this._delivery._drop("unknown_stream", config ? target : stream);
        return;
      }
      // Consent may be gone by now.
      if (this._refused() || !(experiment ? experiment._due() : this._sampled(config, context))) return;
      const isEnriched = schemaOf || config._isMetrics;
      const event: Record<string, unknown> = {
        ...own,
        // What is undefined is left out when it is written as JSON.
        ...(schemaOf && {
          $schema: schemaOf(config),
          sample: experiment ? undefined : config.sample,
        }),
        ...(isEnriched && { experiments: experiments.enrolled.length ? experiments : undefined }),
        dt,
        meta: {
          ...asObject(own.meta),
          stream: target,
          domain: this._integration.getHostname(),
          // Set here, so that an event which is sent twice is told apart from two events.
          id: randomUuid(),
        },
      };
      if (isEnriched) enrich(event, [...config._values, ...(values ?? [])], context);
      this._delivery._add(event);
      experiment?._done?.();
    };
    this._queue._add(make);
  }

  private _sampled({ sample }: StreamConfig, context: Context): boolean {
    if (!sample) return sample === undefined;
    return inSample(`${context.performer?.[`${sample.unit}_id`]}`, sample.rate);
  }
}
