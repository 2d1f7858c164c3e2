/**
 * An OpenFeature provider over the browser's client: a flag is an experiment, its value the group
 * that the page's visitor is in. Who is asked about is exposed.
 */

import {
  ErrorCode,
  StandardResolutionReasons as Reasons,
  type EvaluationContext,
  type JsonValue,
  type Provider,
  type ResolutionDetails,
  type TrackingEventDetails,
} from "@openfeature/web-sdk";
import { DEFAULT_SCHEMA, DEFAULT_STREAM } from "../configuration.js";
import { asBoolean, asNumber, asObject, asString, failed, type Read } from "./reading.js";

/** As much of the browser's client as the provider asks. */
export interface PageClient {
  getCurrentUserExperiments(): {
    readonly assigned: Readonly<Record<string, string>>;
    readonly coordinators: Readonly<Record<string, string>>;
    readonly versions: Readonly<Record<string, string>>;
  };
  getExperiment(name: string): { sendExposure(): void };
  submitInteraction(
    stream: string,
    schema: string,
    action: string,
    data?: Readonly<Record<string, unknown>>,
  ): void;
  flush(): void;
}

export interface AllotmentWebProviderOptions {
  /** Expose whom a flag is evaluated for. False: the page calls `sendExposure`. */
  readonly sendExposures?: boolean;
  /** Where `track` sends to. */
  readonly trackingStream?: string;
  /** The groups of an experiment in their order, for boolean flags; else the page's variables say them. */
  readonly groupsOf?: (experiment: string) => readonly string[] | null;
}

/**
 * Answers flags from the experiments that the page's visitor is in. A page knows those alone: every
 * other flag has its default. The evaluation context does not count: who the visitor is, the page
 * said when it was made.
 */
export class AllotmentWebProvider implements Provider {
  readonly metadata = { name: "allotment" };
  readonly runsOn = "client";
  readonly #client: PageClient;
  readonly #options: AllotmentWebProviderOptions;

  constructor(client: PageClient, options: AllotmentWebProviderOptions = {}) {
    this.#client = client;
    this.#options = options;
  }

  /** Sends what waits. */
  async onClose(): Promise<void> {
    this.#client.flush();
  }

  /** Whether the visitor is in the second of two groups. */
  resolveBooleanEvaluation(flag: string, defaultValue: boolean): ResolutionDetails<boolean> {
    return this.#resolve(flag, defaultValue, asBoolean);
  }

  /** The name of the visitor's group. */
  resolveStringEvaluation(flag: string, defaultValue: string): ResolutionDetails<string> {
    return this.#resolve(flag, defaultValue, asString);
  }

  /** The group's name as a number. */
  resolveNumberEvaluation(flag: string, defaultValue: number): ResolutionDetails<number> {
    return this.#resolve(flag, defaultValue, asNumber);
  }

  /** Groups are no structures: an error, and the default, for who is in the experiment. */
  resolveObjectEvaluation<T extends JsonValue>(flag: string, defaultValue: T): ResolutionDetails<T> {
    return this.#resolve(flag, defaultValue, asObject as Read<T>);
  }

  /** Sends an event about something that the visitor did; its details stand in `action_context`. */
  track(name: string, _: EvaluationContext, details?: TrackingEventDetails): void {
    const told = Object.keys(details ?? {}).length ? { action_context: JSON.stringify(details) } : {};
    const stream = this.#options.trackingStream ?? DEFAULT_STREAM;
    this.#client.submitInteraction(stream, DEFAULT_SCHEMA, name, told);
  }

  #resolve<T>(flag: string, defaultValue: T, read: Read<T>): ResolutionDetails<T> {
    const { assigned, coordinators, versions } = this.#client.getCurrentUserExperiments();
    const group = assigned[flag];
    if (group === undefined) return { value: defaultValue, reason: Reasons.DEFAULT };
    const groups = (this.#options.groupsOf ?? groupsOfPage)(flag);
    const found = read({ name: flag, groups }, group);
    if (typeof found === "string") return failed(defaultValue, ErrorCode.TYPE_MISMATCH, found);
    if (this.#options.sendExposures ?? true) this.#client.getExperiment(flag).sendExposure();
    const isForced = coordinators[flag] === "forced";
    const version = versions[flag];
    return {
      ...found,
      variant: group,
      reason: isForced ? Reasons.STATIC : Reasons.SPLIT,
      flagMetadata: {
        reason: isForced ? "overridden" : "assigned",
        ...(version !== undefined && { version }),
      },
    };
  }
}

/** What `window.allotmentConfig` says of the experiments that the visitor is in. */
interface PageExperiments {
  readonly experiments?: Readonly<Record<string, { readonly groups?: readonly string[] }>>;
}

function groupsOfPage(experiment: string): readonly string[] | null {
  const { allotmentConfig } = globalThis as { allotmentConfig?: PageExperiments };
  return allotmentConfig?.experiments?.[experiment]?.groups ?? null;
}
