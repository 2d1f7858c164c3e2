/**
 * An OpenFeature provider over the client for Node: a flag is an experiment, its value the group. A
 * subject who is asked about is exposed, so that a site which speaks OpenFeature alone has a result.
 */

import {
  ErrorCode,
  OpenFeatureEventEmitter,
  ProviderEvents,
  ProviderNotReadyError,
  StandardResolutionReasons as Reasons,
  type EvaluationContext,
  type JsonValue,
  type Provider,
  type ResolutionDetails,
  type ResolutionReason,
  type TrackingEventDetails,
} from "@openfeature/server-sdk";
import type { Reason } from "../evaluation.js";
import { parseOverrides } from "../law.js";
import type { Client } from "../node/client.js";
import { DEFAULT_STREAM, defaultSchema, IDENTIFIER, type Experiment } from "../node/documents.js";
import { evaluated } from "../node/enrollment.js";
import { flat } from "../node/events.js";
import type { Visitor } from "../node/visitor.js";
import { asBoolean, asNumber, asObject, asString, failed, type Read } from "./reading.js";
import { Recently } from "./recently.js";
import { contextOf } from "./subject.js";

const EXPOSED_SECONDS = 30 * 60;
const MOST_EXPOSED = 50_000;
const NOTHING_YET = "no configuration has come from the registry yet";
/** By identifier type the key of the context. */
const IDS: Readonly<Record<string, string>> = {
  [IDENTIFIER.user]: "user_id",
  [IDENTIFIER.browser]: "browser_id",
  [IDENTIFIER.session]: "session_id",
};
/** Of all others: the default is answered. */
const REASONS: Partial<Record<Reason, ResolutionReason>> = {
  overridden: Reasons.STATIC,
  not_active: Reasons.DISABLED,
  assigned: Reasons.SPLIT,
};

export interface AllotmentProviderOptions {
  /** The kind of id that targeting keys are: `mw-user`, unless it says another. */
  readonly targetingKeyIs?: "mw-user" | "edge-unique" | "session";
  /** Expose whom a flag is evaluated for. False: the site calls `sendExposure`. */
  readonly sendExposures?: boolean;
  /** Where `track` sends to. */
  readonly trackingStream?: string;
  /** How long setting the provider waits for a first configuration: 5. */
  readonly waitSeconds?: number;
  /** After so many seconds without an answer of the registry the provider is stale: 60. */
  readonly staleSeconds?: number;
}

/**
 * Answers flags from experiments.
 *
 * - A text flag is the group's name. A number flag reads it as a number. A boolean flag, of an
 *   experiment with two groups, is false in the first (control) and true in the other.
 * - Whoever is not in the experiment gets the default; `flagMetadata.reason` says why, in the words of
 *   the law of allocation.
 * - Whoever is in it is exposed: `experiment_exposure` is sent once in half an hour for each subject,
 *   experiment and group.
 * - `track(name)` sends an event with that action and the membership.
 *
 * The evaluation context names the subject in `user_id`, `browser_id` and `session_id`; its targeting
 * key is one of them. All else are contextual attributes, flat (`page_id`) or nested (`page: {id: 7}`).
 * `mpo` (`experiment:group`) forces groups.
 *
 * The client stays the site's: closing the provider delivers what waits, and does not close it.
 */
export class AllotmentProvider implements Provider {
  readonly metadata = { name: "allotment" };
  readonly runsOn = "server";
  readonly events = new OpenFeatureEventEmitter();
  readonly #client: Client;
  readonly #targetingKey: string;
  readonly #sendExposures: boolean;
  readonly #trackingStream: string;
  readonly #waitSeconds: number;
  readonly #staleSeconds: number;
  readonly #exposed = new Recently(EXPOSED_SECONDS, MOST_EXPOSED);
  #isFresh = false;
  #watching: NodeJS.Timeout | undefined;
  #forget: (() => void) | undefined;

  constructor(client: Client, options: AllotmentProviderOptions = {}) {
    this.#client = client;
    this.#targetingKey = IDS[options.targetingKeyIs ?? IDENTIFIER.user] as string;
    this.#sendExposures = options.sendExposures ?? true;
    this.#trackingStream = options.trackingStream ?? DEFAULT_STREAM;
    this.#waitSeconds = options.waitSeconds ?? 5;
    this.#staleSeconds = options.staleSeconds ?? 60;
  }

  /**
   * Begins, and waits for a configuration, unless a copy is held already.
   *
   * @throws ProviderNotReadyError when none came in time. The client goes on asking, and the provider
   *   says that it is ready once one came.
   */
  async initialize(): Promise<void> {
    const { configuration } = this.#client.start();
    if (configuration.ageSeconds === null) await configuration.wait(this.#waitSeconds);
    this.#isFresh = configuration.ageSeconds !== null;
    // Not before: what comes until now is no change, and the SDK tells itself that the provider is ready.
    this.#watch();
    if (this.#isFresh) return;
    throw new ProviderNotReadyError(configuration.problems.join("; ") || NOTHING_YET);
  }

  /** Delivers what waits, for at most five seconds. */
  async onClose(): Promise<void> {
    clearInterval(this.#watching);
    this.#forget?.();
    await this.#client.delivery.flush(5);
  }

  /** Whether the subject is in the second of two groups. */
  async resolveBooleanEvaluation(
    flag: string,
    defaultValue: boolean,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<boolean>> {
    return this.#resolve(flag, defaultValue, context, asBoolean);
  }

  /** The name of the subject's group. */
  async resolveStringEvaluation(
    flag: string,
    defaultValue: string,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<string>> {
    return this.#resolve(flag, defaultValue, context, asString);
  }

  /** The group's name as a number. */
  async resolveNumberEvaluation(
    flag: string,
    defaultValue: number,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<number>> {
    return this.#resolve(flag, defaultValue, context, asNumber);
  }

  /** Groups are no structures: always an error, and the default. */
  async resolveObjectEvaluation<T extends JsonValue>(
    flag: string,
    defaultValue: T,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<T>> {
    return this.#resolve(flag, defaultValue, context, asObject as Read<T>);
  }

  /** Sends an event about something that the subject did; its details stand in `action_context`. */
  track(name: string, context: EvaluationContext, details?: TrackingEventDetails): void {
    const visitor = this.#visitor(context);
    const settings = visitor.configuration.streams.get(this.#trackingStream) ?? {};
    const told = Object.keys(details ?? {}).length ? { action_context: JSON.stringify(details) } : {};
    visitor.submitInteraction(this.#trackingStream, defaultSchema(settings), name, told);
  }

  #resolve<T>(
    flag: string,
    defaultValue: T,
    context: EvaluationContext,
    read: Read<T>,
  ): ResolutionDetails<T> {
    const visitor = this.#visitor(context);
    const experiment = visitor.configuration.experiments.get(flag);
    if (!experiment) {
      return this.#client.configuration.ageSeconds === null
        ? failed(defaultValue, ErrorCode.PROVIDER_NOT_READY, NOTHING_YET)
        : failed(defaultValue, ErrorCode.FLAG_NOT_FOUND, `no experiment '${flag}' is switched on`);
    }
    const subject = visitor.identifiers.get(experiment.identifierType);
    const overrides = overridesOf(context);
    if (subject === undefined && !overrides.has(flag)) {
      const wanted = IDS[experiment.identifierType] ?? "kind of id that there is";
      const message = `${flag} is about ${experiment.identifierType}; give a ${wanted}`;
      return failed(defaultValue, ErrorCode.TARGETING_KEY_MISSING, message);
    }
    const found = evaluated(experiment, subject ?? "", {
      site: this.#client.site,
      now: new Date(),
      overrides,
      attributes: flat(visitor.context),
    });
    const flagMetadata = {
      reason: found.reason as string,
      ...(experiment.version && { version: experiment.version }),
    };
    const reason = REASONS[found.reason] ?? Reasons.DEFAULT;
    const { group } = found;
    if (group === null) return { value: defaultValue, reason, flagMetadata };
    const value = read(experiment, group);
    if (typeof value === "string") return failed(defaultValue, ErrorCode.TYPE_MISMATCH, value);
    this.#expose(visitor, experiment, group, found.subjectId);
    return { ...value, reason, variant: group, flagMetadata };
  }

  #expose(visitor: Visitor, { name }: Experiment, group: string, subjectId: string): void {
    const key = JSON.stringify([name, group, subjectId]);
    if (!this.#sendExposures || this.#exposed.has(key)) return;
    if (visitor.getExperiment(name).sendExposure()) this.#exposed.add(key);
  }

  #visitor(context: EvaluationContext): Visitor {
    const { ids, attributes } = contextOf(context, this.#targetingKey);
    return this.#client.visitor({
      userId: ids.user_id,
      browserId: ids.browser_id,
      sessionId: ids.session_id,
      overrides: overridesOf(context),
      context: attributes,
    });
  }

  /** Tells of newer configurations, and of a registry that was lost or found again. */
  #watch(): void {
    const { configuration } = this.#client;
    this.#forget ??= configuration.watch((flagsChanged) => {
      this.#see();
      this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: [...flagsChanged] });
    });
    this.#watching ??= setInterval(() => this.#see(), Math.min(1, this.#staleSeconds / 2) * 1_000);
    this.#watching.unref();
  }

  #see(): void {
    const { ageSeconds } = this.#client.configuration;
    const isFresh = ageSeconds !== null && ageSeconds < this.#staleSeconds;
    if (isFresh === this.#isFresh) return;
    this.#isFresh = isFresh;
    if (isFresh) this.events.emit(ProviderEvents.Ready);
    else this.events.emit(ProviderEvents.Stale, { message: "the registry does not answer" });
  }
}

function overridesOf({ mpo }: EvaluationContext): Map<string, string> {
  return typeof mpo === "string" ? parseOverrides(mpo) : new Map();
}
