/** Which experiments a visitor is in: a pure function of configuration, ids, overrides and the edge. */

import { createHmac } from "node:crypto";
import type { Membership as MembershipRecord } from "../configuration.js";
import { AWAITING } from "../enrollments.js";
import { evaluate, type Evaluation, type Reason } from "../evaluation.js";
import { IDENTIFIER, type Experiment } from "./documents.js";

export type { MembershipRecord };

/** Why a visitor is in a group or in none: by the law of allocation, or before it is asked. */
export type MembershipReason =
  | Reason
  | "no_subject"
  | "edge"
  | "edge_unknown_group"
  | "unknown_experiment";

/** The experiments that one visitor is in. */
export class Membership {
  readonly #assigned = new Map<string, string>();
  readonly #subjectIds = new Map<string, string>();
  readonly #units = new Map<string, string>();
  readonly #coordinators = new Map<string, string>();
  readonly #versions = new Map<string, string>();
  readonly #reasons = new Map<string, MembershipReason>();

  /** @param overrides - names of the experiments whose group was forced */
  constructor(readonly overrides: readonly string[] = []) {}

  /** Names of the experiments, in the order of the configuration. */
  get enrolled(): string[] {
    return [...this.#assigned.keys()];
  }

  /** The visitor's group in an experiment; null where it is not enrolled. */
  group(experiment: string): string | null {
    return this.#assigned.get(experiment) ?? null;
  }

  /** Why the visitor is in its group or in none. */
  reason(experiment: string): MembershipReason {
    return this.#reasons.get(experiment) ?? "unknown_experiment";
  }

  /** The `experiments` record of an event; undefined where the visitor is in nothing. */
  toEvent(): MembershipRecord | undefined {
    return this.#assigned.size ? this.#record() : undefined;
  }

  /** What a page's `window.allotmentUserExperiments` holds: the record and the overrides. */
  toPage(): MembershipRecord & { overrides: string[] } {
    return { ...this.#record(), overrides: [...this.overrides] };
  }

  /** @internal */
  because(name: string, reason: MembershipReason): void {
    this.#reasons.set(name, reason);
  }

  /** @internal */
  add(name: string, group: string, subjectId: string, forced: boolean, from?: Experiment): void {
    this.#assigned.set(name, group);
    this.#subjectIds.set(name, subjectId);
    this.#coordinators.set(name, forced ? "forced" : "default");
    if (from) this.#units.set(name, from.identifierType);
    if (from?.version) this.#versions.set(name, from.version);
  }

  #record(): MembershipRecord {
    return {
      enrolled: this.enrolled,
      assigned: Object.fromEntries(this.#assigned),
      subject_ids: Object.fromEntries(this.#subjectIds),
      sampling_units: Object.fromEntries(this.#units),
      coordinators: Object.fromEntries(this.#coordinators),
      versions: Object.fromEntries(this.#versions),
    };
  }
}

/** What an enrollment looks at. */
export interface Circumstances {
  /** By identifier type the visitor's id; an experiment whose type has none is not evaluated. */
  readonly identifiers: ReadonlyMap<string, string>;
  /** Selects the rate in each experiment's sample rates. */
  readonly site: string;
  readonly now: Date;
  /** Forced groups; they win over everything, and hold for unknown experiments too. */
  readonly overrides: ReadonlyMap<string, string>;
  /** Groups that the edge gave to browsers. */
  readonly edge: ReadonlyMap<string, string>;
  /** Contextual attributes by flat names, for targeting. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** A secret under which subject ids stand in the membership; null: plain hashes. */
  readonly subjectKey: string | Uint8Array | null;
}

/** Evaluates every experiment for one visitor by the law of allocation. */
export function enroll(experiments: Iterable<Experiment>, given: Circumstances): Membership {
  const { overrides, edge } = given;
  const made = new Membership([...overrides.keys()]);
  const known = new Set<string>();
  for (const experiment of experiments) {
    const { name, identifierType } = experiment;
    known.add(name);
    const ofEdge = edge.get(name);
    if (ofEdge !== undefined && identifierType === IDENTIFIER.browser && !overrides.has(name)) {
      const isThere = experiment.groups.includes(ofEdge);
      made.because(name, isThere ? "edge" : "edge_unknown_group");
      if (isThere) made.add(name, ofEdge, AWAITING, false, experiment);
      continue;
    }
    const subject = given.identifiers.get(identifierType);
    if (subject === undefined && !overrides.has(name)) {
      made.because(name, "no_subject");
      continue;
    }
    const found = evaluated(experiment, subject ?? "", given);
    made.because(name, found.reason);
    if (found.group === null) continue;
    const forced = found.reason === "overridden";
    const id =
      forced || given.subjectKey === null
        ? found.subjectId
        : keyedSubjectId(given.subjectKey, subject ?? "", name);
    made.add(name, found.group, id, forced, experiment);
  }
  for (const [name, group] of overrides) {
    if (known.has(name)) continue;
    made.add(name, group, "overridden", true);
    made.because(name, "overridden");
  }
  return made;
}

/** What the law says of one subject in one experiment. */
export function evaluated(
  { name, item }: Experiment,
  subject: string,
  given: Pick<Circumstances, "site" | "now" | "overrides" | "attributes">,
): Evaluation {
  const { site, now, attributes } = given;
  const forced = given.overrides.get(name);
  const overrides = forced === undefined ? {} : { [name]: forced };
  return evaluate(item, subject, { site, now, attributes, overrides });
}

/**
 * The subject's pseudonym under a secret: HMAC-SHA-256 of `experiment:subject`, as 64 lower-case
 * hexadecimal digits. Nobody computes it from a list of subjects without the key.
 */
export function keyedSubjectId(
  key: string | Uint8Array,
  subject: string,
  experiment: string,
): string {
  return createHmac("sha256", key).update(`${experiment}:${subject}`, "utf8").digest("hex");
}
