/** One visitor of a site: the experiments they are in, and the events about what they do. */

import { randomBytes, randomUUID } from "node:crypto";
import { merged, type Context } from "../attributes.js";
import { asText, DEFAULT_SCHEMA } from "../configuration.js";
import { inSample } from "../law.js";
import type { Client } from "./client.js";
import {
  IDENTIFIER,
  producerSettings,
  requestedAttributes,
  streamSample,
  type Configuration,
} from "./documents.js";
import { enroll, type Membership, type MembershipRecord } from "./enrollment.js";
import {
  completed,
  flat,
  interaction,
  requestedContext,
  type Data,
  type Parts,
} from "./events.js";
import { ExperimentHandle, InstrumentHandle } from "./handles.js";

export { DEFAULT_SCHEMA as WEB_SCHEMA };

/** Who a visitor is, as far as the site knows. Every id is optional. */
export interface VisitorOptions {
  /** The account's id; null for a reader who is not logged in. */
  readonly userId?: string | null;
  /** The random id in the browser's first-party cookie. */
  readonly browserId?: string | null;
  /** 20 lower-case hexadecimal digits. */
  readonly sessionId?: string | null;
  /** Forced groups by experiment (`parseOverrides` reads `?mpo=`). */
  readonly overrides?: ReadonlyMap<string, string>;
  /** Groups that an edge gave, by experiment (`parseEnrollments` reads its header). */
  readonly edge?: ReadonlyMap<string, string>;
  /** Contextual attributes, such as `{page: {id: 7}}`. */
  readonly context?: Context;
}

/** When something was done; now if not given. */
export interface Moment {
  readonly at?: Date | undefined;
}

/** What one event of an experiment or an instrument has of its own. */
export interface EventOptions extends Moment {
  /** Contextual attributes beside those that the configuration asks for. */
  readonly attributes?: readonly string[];
}

/** An event of which stream, attributes and sampling are settled already. */
type Settled = Pick<Parts, "stream" | "schema" | "action" | "sample" | "fixed"> & {
  readonly attributes: readonly string[];
  readonly data: Data | undefined;
} & Moment;

/**
 * One visitor during one request. Made by `Client.visitor`. The configuration is the one held when
 * the visitor was made, so that a request sees one truth.
 */
export class Visitor {
  /** 20 lower-case hexadecimal digits, made for this request. */
  readonly pageviewId = randomBytes(10).toString("hex");
  readonly #client: Client;
  readonly #options: VisitorOptions;
  readonly #steps = new Map<string, number>();
  readonly #exposed = new Set<string>();
  #membership: Membership | undefined;
  #context: Context | undefined;

  /** @internal Sites call `Client.visitor`. */
  constructor(
    client: Client,
    readonly configuration: Configuration,
    options: VisitorOptions,
  ) {
    this.#client = client;
    this.#options = options;
  }

  /** The visitor's ids by identifier type; what is missing or empty is left out. */
  get identifiers(): ReadonlyMap<string, string> {
    const { userId, browserId, sessionId } = this.#options;
    const found: [string, string | null | undefined][] = [
      [IDENTIFIER.user, userId],
      [IDENTIFIER.browser, browserId],
      [IDENTIFIER.session, sessionId],
    ];
    return new Map(found.filter((one): one is [string, string] => Boolean(one[1])));
  }

  /** The experiments that this visitor is in. Evaluated at the first look. */
  get membership(): Membership {
    return (this.#membership ??= enroll(this.configuration.experiments.values(), {
      identifiers: this.identifiers,
      site: this.#client.site,
      now: new Date(),
      overrides: this.#options.overrides ?? new Map(),
      edge: this.#options.edge ?? new Map(),
      attributes: flat(this.context),
      subjectKey: this.#client.subjectKey,
    }));
  }

  /** Whether anybody has looked at the membership: what was answered may depend on it. */
  get wasEvaluated(): boolean {
    return this.#membership !== undefined;
  }

  /** The membership as a page's script sees it. */
  getCurrentUserExperiments(): MembershipRecord & { overrides: string[] } {
    return this.membership.toPage();
  }

  /** The visitor's group in an experiment; null where it is not enrolled. */
  getExperimentBucketValue(name: string): string | null {
    return this.membership.group(name);
  }

  /** An experiment by its name; one that is unknown has no group and sends nothing. */
  getExperiment(name: string): ExperimentHandle {
    return new ExperimentHandle(this, name);
  }

  /** The experiments that the visitor is in and whose names begin so. */
  getExperimentsByPrefix(prefix: string): ExperimentHandle[] {
    const names = this.membership.enrolled.filter((name) => name.startsWith(prefix));
    return names.map((name) => this.getExperiment(name));
  }

  /** An instrument by its name; one that is unknown is out of sample and sends nothing. */
  getInstrument(name: string): InstrumentHandle {
    return new InstrumentHandle(this, name);
  }

  /** What contextual attributes can be filled from: the library's own, then the site's. */
  get context(): Context {
    if (this.#context) return this.#context;
    const { userId, sessionId, context } = this.#options;
    const performer = {
      is_logged_in: Boolean(userId),
      pageview_id: this.pageviewId,
      ...(sessionId && { session_id: sessionId }),
    };
    const known = { performer, mediawiki: { database: this.#client.site } };
    return (this.#context = merged(known, context ?? {}) as Context);
  }

  /**
   * Sends an event that the caller made; it must have `$schema`. `meta.stream`, `meta.domain`,
   * `meta.id` and `dt` are filled in; on a stream that is meant for client libraries also the
   * membership and the attributes that the stream asks for.
   *
   * @returns whether the event is on its way; if not, the client's `refused` counts why
   */
  submit(stream: string, event: Data, { at }: Moment = {}): boolean {
    if (!asText(event?.$schema)) {
      return this.refuse("no_schema", `an event for '${stream}' has no '$schema'`);
    }
    const found = this.#stream(stream);
    if (!found) return false;
    const { settings, target } = found;
    const isMetrics = producerSettings(settings) !== null;
    return this.#client.delivery.submit(
      completed(event, {
        stream: target,
        domain: this.#client.domain,
        id: randomUUID(),
        at: at ?? new Date(),
        context: requestedContext(isMetrics ? requestedAttributes(settings) : [], this.context),
        experiments: isMetrics ? (this.membership.toEvent() ?? null) : undefined,
      }),
    );
  }

  /**
   * Sends an event about something that the visitor did, with the membership and the contextual
   * attributes that the stream asks for.
   *
   * @param stream - a configured stream, or the name of an instrument's pseudo-stream
   * @returns whether the event is on its way; if not, the client's `refused` counts why
   */
  submitInteraction(
    stream: string,
    schema: string,
    action: string,
    data?: Data,
    { at }: Moment = {},
  ): boolean {
    const found = this.#stream(stream);
    if (!found) return false;
    const { settings, target, sample } = found;
    const attributes = requestedAttributes(settings);
    return this.send({ stream: target, schema, action, data, attributes, sample, at });
  }

  /** Sends an interaction `click` of the web base schema. */
  submitClick(stream: string, data?: Data, moment?: Moment): boolean {
    return this.submitInteraction(stream, DEFAULT_SCHEMA, "click", data, moment);
  }

  /** @internal Sends an event of which all is settled. */
  send(event: Settled): boolean {
    if (!event.action) {
      return this.refuse("no_action", `an event for '${event.stream}' names no action`);
    }
    return this.#client.delivery.submit(interaction(this.#parts(event)));
  }

  /** @internal Whether this visitor's pageview or session is in a sample of that rate. */
  inSample(unit: unknown, rate: unknown): boolean {
    const ids: Record<string, string | null | undefined> = {
      pageview: this.pageviewId,
      session: this.#options.sessionId,
    };
    const id = typeof unit === "string" && Object.keys(ids).includes(unit) ? ids[unit] : undefined;
    return Boolean(id) && typeof rate === "number" && inSample(id as string, rate);
  }

  /** @internal 1, 2, 3, …: the running number of an instrument's events for this visitor. */
  nextStep(name: string): number {
    const step = (this.#steps.get(name) ?? 0) + 1;
    this.#steps.set(name, step);
    return step;
  }

  /** @internal Sends an exposure, but once for each experiment; one that was not queued may be tried again. */
  expose(name: string, send: () => boolean): boolean {
    if (this.#exposed.has(name)) return this.refuse("already_exposed", "");
    const queued = send();
    if (queued) this.#exposed.add(name);
    return queued;
  }

  /** @internal Counts an event that is not sent; always false. */
  refuse(reason: string, text: string): false {
    return this.#client.refuse(reason, text);
  }

  /** @internal */
  get site(): string {
    return this.#client.site;
  }

  /** The configured stream, and the one that its events go to; undefined, and counted, if none. */
  #stream(name: string): { settings: Data; target: string; sample: unknown } | undefined {
    const settings = this.configuration.streams.get(name);
    const target = (settings && asText(producerSettings(settings)?.stream_name)) || name;
    if (!settings || !this.configuration.streams.has(target)) {
      const lacking = settings ? target : name;
      this.refuse("unknown_stream", `stream '${lacking}' is not configured`);
      return undefined;
    }
    const sample = streamSample(settings);
    if (sample && !this.inSample(sample.unit, sample.rate)) {
      this.refuse("not_sampled", "");
      return undefined;
    }
    return { settings, target, sample };
  }

  #parts(event: Settled): Parts {
    return {
      schema: event.schema,
      stream: event.stream,
      domain: this.#client.domain,
      id: randomUUID(),
      at: event.at ?? new Date(),
      action: event.action,
      data: event.data ?? {},
      context: requestedContext(event.attributes, this.context),
      experiments: this.membership.toEvent(),
      sample: event.sample,
      fixed: event.fixed,
    };
  }
}
