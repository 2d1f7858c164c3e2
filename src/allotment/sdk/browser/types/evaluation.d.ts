/** A whole experiment, as the public API shows it, for one subject. */
import { type Arms } from "./law.js";
import { type Targeting } from "./targeting.js";
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
export type Reason = "overridden" | "not_active" | "not_targeted" | "held_out" | "layer_taken" | "not_sampled" | "assigned";
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
 * Evaluates an experiment; the first step that decides gives the reason. An item is read once, so it
 * must not be changed afterwards.
 *
 * @throws RangeError when the item cannot be used; the message says what is wrong
 */
export declare function evaluate(item: ExperimentItem, subject: string, { site, now, overrides, attributes }?: Circumstances): Evaluation;
/**
 * Milliseconds of a time of RFC 3339, of which zone, seconds or the whole clock may be missing: it is
 * then UTC, the full minute, midnight. What is finer than a millisecond is cut off.
 */
export declare function parseTime(found: unknown): number | null;
