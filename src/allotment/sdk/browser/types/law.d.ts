/**
 * The law of allocation, as `vectors/allocation.json` fixes it for every language, and the nested
 * sampling of instruments. Whole numbers only; each stays below 2^53, where doubles are exact.
 */
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
export declare function subjectHash(subject: string, experiment: string): string;
/** The first 24 bits of a subject's hash: its slot in a layer or a holdout. */
export declare function subjectSlot(subject: string, hashed: string): number;
/**
 * Places a subject in an experiment.
 *
 * @param rate - share of subjects that take part, 0 to 1
 * @throws RangeError when rate, groups or weights cannot be used; the message says which
 */
export declare function allocate(experiment: Arms, subject: string, rate: number): Allocation;
/** An experiment's weights. Throws RangeError where it has no usable ones. */
export declare function usableWeights({ name, groups, weights }: Arms): readonly number[];
/**
 * Whether a sampling unit is in a sample: the first 32 bits of its id over 2^32 - 1 are below the
 * rate, so a unit in a 1% sample is in every larger one. Rate 1 takes everybody.
 */
export declare function inSample(unitId: string, rate: number): boolean;
/** A rate from a number, or from its text in plain decimal digits; null if it is neither. */
export declare function parseRate(found: unknown): number | null;
/**
 * Reads forced groups, `experiment:group;experiment2:group2`. An item without a name or a group is
 * left out; of two items for one experiment the last counts.
 */
export declare function parseOverrides(text: string): Map<string, string>;
