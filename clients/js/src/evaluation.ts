/** A whole experiment, as the public API shows it, for one subject. */

import { allocate, parseRate, subjectHash, type Arms } from "./law.js";
import { meets, type Targeting } from "./targeting.js";

const SPAN = 2 ** 24;

/** One item of the registry's `/api/v1/experiments`, as much of it as evaluation reads. */
export interface ExperimentItem extends Arms {
  readonly sample_rate?: Readonly<Record<string, unknown>> | null;
  readonly start?: string | null;
  readonly end?: string | null;
  readonly layer?: { readonly name: string; readonly begin: number; readonly end: number } | null;
  readonly targeting?: Targeting | null;
}

/** Why an evaluation ended as it did, in the order in which the steps are tried. */
export type Reason =
  | "overridden"
  | "not_active"
  | "not_targeted"
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
  const { name: experiment, layer, targeting } = item;
  const forced = Object.keys(overrides).includes(experiment) ? overrides[experiment] : undefined;
  if (forced !== undefined) {
    return { experiment, subjectId: "overridden", group: forced, reason: "overridden" };
  }
  const { subjectId, group } = allocate(item, subject, rateAt(item, site));
  const reason: Reason = !isActive(item, now)
    ? "not_active"
    : !meets(targeting ?? {}, attributes)
      ? "not_targeted"
      : layer && !owns(experiment, layer, subject)
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

/** Milliseconds; a time without a zone is UTC. */
function time(name: string, field: string, found: unknown): number | null {
  if (found === undefined || found === null || found === "") return null;
  const text = typeof found === "string" ? found : "";
  const zoned = /T.*([Zz]|[+-]\d\d:?\d\d)$/.test(text) || !text.includes("T") ? text : `${text}Z`;
  const at = Date.parse(zoned);
  if (Number.isNaN(at)) {
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

function owns(
  experiment: string,
  layer: NonNullable<ExperimentItem["layer"]>,
  subject: string,
): boolean {
  const { name, begin, end } = layer;
  const whole = Number.isInteger(begin) && Number.isInteger(end);
  if (!name || !whole || begin < 0 || begin >= end || end > SPAN) {
    throw new RangeError(
      `${experiment}: 'layer' is ${JSON.stringify(layer)}; give its 'name', and 'begin' below 'end', ` +
        `whole numbers from 0 to ${SPAN}`,
    );
  }
  const slot = Number.parseInt(subjectHash(subject, `layer:${name}`).slice(0, 6), 16);
  return begin <= slot && slot < end;
}
