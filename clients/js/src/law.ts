/**
 * The law of allocation, as `vectors/allocation.json` fixes it for every language, and the nested
 * sampling of instruments. Whole numbers only; each stays below 2^53, where doubles are exact.
 */

import { hex, sha256 } from "./sha256.js";

const SPAN = 2 ** 24;
const MAX_TOTAL_WEIGHT = 2 ** 20;
const RATE_TEXT = /^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

/** What the law needs to know of an experiment. Without `weights` each group weighs 1. */
export interface Arms {
  readonly name: string;
  readonly groups: readonly string[];
  readonly weights?: readonly number[] | null;
}

/** What the law says of one subject; `group` is null exactly when the subject is not enrolled. */
export interface Allocation {
  readonly experiment: string;
  readonly subjectId: string;
  readonly enrolled: boolean;
  readonly group: string | null;
}

/** The subject's pseudonym in one experiment. A lone surrogate counts as U+FFFD. */
export function subjectHash(subject: string, experiment: string): string {
  return hex(digest(subject, experiment));
}

/** The first 24 bits of a subject's hash: its slot in a layer or a holdout. */
export function subjectSlot(subject: string, hashed: string): number {
  return slotOf(digest(subject, hashed));
}

function slotOf(drawn: Int32Array): number {
  return (drawn[0] as number) >>> 8;
}

function digest(subject: string, experiment: string): Int32Array {
  // Half a character at the end must not meet another at the beginning and make a whole one.
  const isHalf = experiment.charCodeAt(0) >> 10 === 0x37;
  return sha256(subject + (isHalf ? `\ufffd${experiment.slice(1)}` : experiment));
}

/**
 * Places a subject in an experiment.
 *
 * @param rate - share of subjects that take part, 0 to 1
 * @throws RangeError when rate, groups or weights cannot be used; the message says which
 */
export function allocate(experiment: Arms, subject: string, rate: number): Allocation {
  const { name, groups } = experiment;
  if (!(rate >= 0 && rate <= 1)) {
    throw new RangeError(`${name}: the rate is ${rate}; give a number from 0 to 1`);
  }
  const weights = usableWeights(experiment);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const drawn = digest(subject, name);
  // Below 2^44, so exact; shifts would cut it to 32 bits.
  const product = slotOf(drawn) * total;
  const slot = Math.floor(product / SPAN);
  const enrolled = product % SPAN < Math.ceil(rate * SPAN);
  let cumulative = 0;
  const index = weights.findIndex((weight) => (cumulative += weight) > slot);
  return {
    experiment: name,
    subjectId: hex(drawn),
    enrolled,
    group: enrolled ? (groups[index] as string) : null,
  };
}

/** An experiment's weights. Throws RangeError where it has no usable ones. */
export function usableWeights({ name, groups, weights }: Arms): readonly number[] {
  if (groups.length === 0) throw new RangeError(`${name}: there are no groups; give at least one`);
  const found = weights ?? groups.map(() => 1);
  const total = found.reduce((sum, weight) => sum + weight, 0);
  const whole = found.every((weight) => Number.isInteger(weight) && weight >= 0);
  if (found.length !== groups.length || !whole || total < 1 || total > MAX_TOTAL_WEIGHT) {
    throw new RangeError(
      `${name}: the weights are ${JSON.stringify(found)}; give one whole number a group, ` +
        `with a sum of 1 to ${MAX_TOTAL_WEIGHT}`,
    );
  }
  return found;
}

/**
 * Whether a sampling unit is in a sample: the first 32 bits of its id over 2^32 - 1 are below the
 * rate, so a unit in a 1% sample is in every larger one. Rate 1 takes everybody.
 */
export function inSample(unitId: string, rate: number): boolean {
  if (!(rate > 0 && rate < 1)) return rate === 1;
  const head = unitId.slice(0, 8);
  return /^[0-9a-fA-F]{8}$/.test(head) && Number.parseInt(head, 16) / 0xffffffff < rate;
}

/** A rate from a number, or from its text in plain decimal digits; null if it is neither. */
export function parseRate(found: unknown): number | null {
  const rate = typeof found === "string" && RATE_TEXT.test(found) ? Number(found) : found;
  return typeof rate === "number" && rate >= 0 && rate <= 1 ? rate : null;
}

/**
 * Reads forced groups, `experiment:group;experiment2:group2`. An item without a name or a group is
 * left out; of two items for one experiment the last counts.
 */
export function parseOverrides(text: string): Map<string, string> {
  const forced = new Map<string, string>();
  for (const item of text.split(";")) {
    const [, name, group] = /^ *([^:]*?) *:([^]*)$/.exec(item) ?? [];
    const trimmed = group?.replace(/^ +| +$/g, "");
    if (name && trimmed) forced.set(name, trimmed);
  }
  return forced;
}
