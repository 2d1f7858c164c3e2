/** A whole experiment, as the public API shows it, for one subject. */

import { allocate, parseRate, subjectHash, type Arms } from "./law.js";
import { meets, type Targeting } from "./targeting.js";

const SPAN = 2 ** 24;
const TIME_TEXT =
  /^((?!0000)\d{4}-\d\d-\d\d)(?:T((?:[01]\d|2[0-3]):[0-5]\d)(?::([0-5]\d)(?:(\.\d{1,3})\d*)?)?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?)?$/;

/** Slots (`begin` to before `end`, of 2^24) of a layer or a holdout. */
export interface SlotRange {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/** One item of the registry's `/api/v1/experiments`, as much of it as evaluation reads. */
export interface ExperimentItem extends Arms {
  readonly sample_rate?: Readonly<Record<string, unknown>> | null;
  readonly start?: string | null;
  readonly end?: string | null;
  readonly layer?: SlotRange | null;
  readonly holdouts?: readonly SlotRange[] | null;
  readonly targeting?: Targeting | null;
}

/** Why an evaluation ended as it did, in the order in which the steps are tried. */
export type Reason =
  | "overridden"
  | "not_active"
  | "not_targeted"
  | "held_out"
  | "layer_taken"
  | "not_sampled"
  | "assigned";

/** What became of one subject; `group` is null exactly when it is not enrolled. */
export interface Evaluation {
  readonly experiment: string;
  readonly subjectId: string;
  readonly group: string | null;
  readonly reason: Reason;
}

/** What an evaluation looks at beside the subject. */
export interface Circumstances {
  /** Selects the rate; the default rate without it. */
  readonly site?: string | null;
  readonly now?: Date;
  /** Forced groups by experiment. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** Contextual attributes by their flat names, for targeting. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/**
 * Evaluates an experiment; the first step that decides gives the reason.
 *
 * @throws RangeError when the item cannot be used; the message says what is wrong
 */
export function evaluate(
  item: ExperimentItem,
  subject: string,
  { site, now = new Date(), overrides = {}, attributes = {} }: Circumstances = {},
): Evaluation {
  const { name: experiment, layer, holdouts, targeting } = item;
  const forced = Object.keys(overrides).includes(experiment) ? overrides[experiment] : undefined;
  if (forced !== undefined) {
    return { experiment, subjectId: "overridden", group: forced, reason: "overridden" };
  }
  const { subjectId, group } = allocate(item, subject, rateAt(item, site));
  const reason: Reason = !isActive(item, now)
    ? "not_active"
    : !meets(targeting ?? {}, attributes)
      ? "not_targeted"
      : isHeldOut(experiment, holdouts ?? [], subject)
        ? "held_out"
        : layer && !lies(experiment, "layer", layer, subject, `layer:${layer.name}`)
          ? "layer_taken"
          : group === null
            ? "not_sampled"
            : "assigned";
  return { experiment, subjectId, group: reason === "assigned" ? group : null, reason };
}

function isActive({ name, start, end }: ExperimentItem, now: Date): boolean {
  const [from, to] = [time(name, "start", start), time(name, "end", end)];
  return (from === null || from <= now.getTime()) && (to === null || now.getTime() <= to);
}

/**
 * Milliseconds of a time of RFC 3339, of which zone, seconds or the whole clock may be missing: it is
 * then UTC, the full minute, midnight. What is finer than a millisecond is cut off.
 */
export function parseTime(found: unknown): number | null {
  if (typeof found !== "string") return null;
  const [, day, clock = "00:00", second = "00", part = ".", zone = "Z"] = TIME_TEXT.exec(found) ?? [];
  const midnight = new Date(`${day}T00:00Z`);
  // Some engines read a day that no calendar has as one of the next month.
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(`${day}T`)) return null;
  return Date.parse(`${day}T${clock}:${second}${part.padEnd(4, "0")}${zone}`);
}

function time(name: string, field: string, found: unknown): number | null {
  if (found === undefined || found === null || found === "") return null;
  const at = parseTime(found);
  if (at === null) {
    throw new RangeError(
      `${name}: '${field}' is ${JSON.stringify(found)}; give a time such as 2026-11-22T09:00:00Z`,
    );
  }
  return at;
}

function rateAt({ name, sample_rate: rates }: ExperimentItem, site?: string | null): number {
  const usable = (found: unknown): number => {
    const rate = parseRate(found);
    if (rate !== null) return rate;
    throw new RangeError(`${name}: a rate is ${JSON.stringify(found)}; give a number from 0 to 1`);
  };
  // Of two rates for one site the lowest counts: objects put whole numbers among their keys first.
  const named = Object.entries(rates ?? {})
    .filter(([key, sites]) => key !== "default" && Array.isArray(sites) && sites.includes(site))
    .map(([key]) => usable(key));
  return named.length ? Math.min(...named) : usable(rates?.default ?? 0);
}

function isHeldOut(experiment: string, holdouts: readonly SlotRange[], subject: string): boolean {
  if (!Array.isArray(holdouts)) throw unusable(experiment, "holdouts", holdouts);
  return holdouts.some((range) => lies(experiment, "holdouts", range, subject, range?.name));
}

/** Whether a subject's slot lies in a range; `hashed` is what its slots are drawn by. */
function lies(
  experiment: string,
  field: string,
  range: SlotRange,
  subject: string,
  hashed: string,
): boolean {
  const { name, begin, end } = range ?? {};
  const whole = Number.isInteger(begin) && Number.isInteger(end);
  if (!name || !whole || begin < 0 || begin >= end || end > SPAN) {
    throw unusable(experiment, field, range);
  }
  const slot = Number.parseInt(subjectHash(subject, hashed).slice(0, 6), 16);
  return begin <= slot && slot < end;
}

function unusable(experiment: string, field: string, found: unknown): RangeError {
  return new RangeError(
    `${experiment}: '${field}' is ${JSON.stringify(found)}; give its 'name', and 'begin' below 'end', ` +
      `whole numbers from 0 to ${SPAN}`,
  );
}
