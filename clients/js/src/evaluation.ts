/** A whole experiment, as the public API shows it, for one subject. */

import { allocate, parseRate, subjectSlot, usableWeights, type Arms } from "./law.js";
import { refuseDamaged } from "./shape.js";
import { readTargeting, type Targeting } from "./targeting.js";

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

/** An item as evaluation needs it. */
interface Reading {
  readonly from: number;
  readonly to: number;
  readonly rateAt: (site: string | null | undefined) => number;
  readonly meets: (attributes: Readonly<Record<string, unknown>>) => boolean;
  readonly holdouts: readonly Slots[];
  readonly layer: Slots | null;
}

/** A range of a layer or a holdout. */
interface Slots {
  readonly begin: number;
  readonly end: number;
  readonly drawn: Drawn;
}

/** The slot that was drawn last: of a visitor, whose experiments come one after another. */
interface Drawn {
  /** What slots are drawn by. */
  readonly hashed: string;
  subject: string | null;
  slot: number;
}
/** One for all experiments of a layer or a holdout, by what its slots are drawn by. */
const draws = new Map<string, Drawn>();
const readings = new WeakMap<ExperimentItem, Reading>();

/**
 * Evaluates an experiment; the first step that decides gives the reason. An item is read once, so it
 * must not be changed afterwards.
 *
 * @throws RangeError when the item cannot be used; the message says what is wrong
 */
export function evaluate(
  item: ExperimentItem,
  subject: string,
  { site, now = new Date(), overrides = {}, attributes = {} }: Circumstances = {},
): Evaluation {
  let reading = readings.get(item);
  if (!reading) readings.set(item, (reading = read(item)));
  const experiment = item.name;
  const forced = Object.hasOwn(overrides, experiment) ? overrides[experiment] : undefined;
  if (forced !== undefined) {
    return { experiment, subjectId: "overridden", group: forced, reason: "overridden" };
  }
  const { subjectId, group } = allocate(item, subject, reading.rateAt(site));
  const at = now.getTime();
  const reason: Reason =
    at < reading.from || at > reading.to
      ? "not_active"
      : !reading.meets(attributes)
        ? "not_targeted"
        : reading.holdouts.some((slots) => lies(slots, subject))
          ? "held_out"
          : reading.layer && !lies(reading.layer, subject)
            ? "layer_taken"
            : group === null
              ? "not_sampled"
              : "assigned";
  return { experiment, subjectId, group: reason === "assigned" ? group : null, reason };
}

function read(item: ExperimentItem): Reading {
  refuseDamaged(item);
  usableWeights(item);
  const { name, start, end, sample_rate, layer, holdouts, targeting } = item;
  return {
    from: time(name, "start", start) ?? -Infinity,
    to: time(name, "end", end) ?? Infinity,
    rateAt: readRates(name, sample_rate),
    meets: readTargeting(targeting ?? {}),
    holdouts: (holdouts ?? []).map((range) => usable(name, "holdouts", range, range.name)),
    layer: layer ? usable(name, "layer", layer, `layer:${layer.name}`) : null,
  };
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

function readRates(name: string, rates: ExperimentItem["sample_rate"]): Reading["rateAt"] {
  const usableRate = (found: unknown): number => {
    const rate = parseRate(found);
    if (rate !== null) return rate;
    throw new RangeError(`${name}: a rate is ${JSON.stringify(found)}; give a number from 0 to 1`);
  };
  const named = new Map<unknown, number>();
  for (const [key, sites] of Object.entries(rates ?? {})) {
    if (key === "default") continue;
    const rate = usableRate(key);
    // Of two rates for one site the lowest counts: objects put whole numbers among their keys first.
    for (const site of (sites as string[] | null) ?? []) named.set(site, Math.min(rate, named.get(site) ?? 1));
  }
  const otherwise = usableRate(rates?.default ?? 0);
  return (site) => named.get(site) ?? otherwise;
}

function usable(experiment: string, field: string, range: SlotRange, hashed: string): Slots {
  const { begin, end } = range;
  const whole = Number.isInteger(begin) && Number.isInteger(end);
  if (!whole || begin < 0 || begin >= end || end > SPAN) {
    throw new RangeError(
      `${experiment}: '${field}' is ${JSON.stringify(range)}; give its 'name', and 'begin' below 'end', ` +
        `whole numbers from 0 to ${SPAN}`,
    );
  }
  const drawn = draws.get(hashed) ?? { hashed, subject: null, slot: 0 };
  draws.set(hashed, drawn);
  return { begin, end, drawn };
}

/** Whether a subject's slot lies in a range. */
function lies({ begin, end, drawn }: Slots, subject: string): boolean {
  if (drawn.subject !== subject) {
    drawn.slot = subjectSlot(subject, drawn.hashed);
    drawn.subject = subject;
  }
  return begin <= drawn.slot && drawn.slot < end;
}
