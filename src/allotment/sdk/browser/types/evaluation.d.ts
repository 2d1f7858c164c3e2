/** A whole experiment, as the public API shows it, for one subject. */
import { type Arms } from "./law.js";
import { type Targeting } from "./targeting.js";
/** One item of the registry's `/api/v1/experiments`, as much of it as evaluation reads. */
export interface ExperimentItem extends Arms {
    readonly sample_rate?: Readonly<Record<string, unknown>> | null;
    readonly start?: string | null;
    readonly end?: string | null;
    readonly layer?: {
        readonly name: string;
        readonly begin: number;
        readonly end: number;
    } | null;
    readonly targeting?: Targeting | null;
}
/** Why an evaluation ended as it did, in the order in which the steps are tried. */
export type Reason = "overridden" | "not_active" | "not_targeted" | "layer_taken" | "not_sampled" | "assigned";
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
export declare function evaluate(item: ExperimentItem, subject: string, { site, now, overrides, attributes }?: Circumstances): Evaluation;
