/** What an item of the configuration must be, so that every language refuses the same ones. */
/** @throws RangeError naming the first field that is no such thing, and what to give */
export declare function refuseDamaged(found: unknown): void;
