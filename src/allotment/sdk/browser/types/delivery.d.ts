/**
 * Gets events to the intake, in small batches. An event is sent when the intake has answered for
 * it. Until then it is tried again, and when the page is left it is in the browser's storage, from
 * which the site's next page takes it. Nothing is thrown into the page.
 */
/** Why events were not delivered. */
export type DropReason = "cookies_disabled" | "no_configuration" | "no_consent" | "no_intake" | "not_json" | "queue_full" | "refused" | "unknown_stream" | "incomplete";
export interface Counters {
    /** Events that the intake has taken. */
    readonly sent: number;
    /** Events that wait to be sent, or for the intake's answer. */
    readonly waiting: number;
    /** Events that are lost, by reason. */
    readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
}
export interface Delivery {
    /** Takes one event. It is written down at once: later changes to the object do not count. */
    _add(event: Record<string, unknown>): void;
    /** Counts events as lost, and warns of the reason, which the reference explains. */
    _drop(reason: DropReason, detail?: unknown, count?: number): void;
    /** Sends all that waits, now. */
    _flush(): void;
    /**
     * Opens or closes the way of events. Closed, all that waits is lost, and what is kept in the
     * browser's storage is removed.
     */
    _setOpen(open: boolean): void;
    _isOpen(): boolean;
    _count(): Counters;
}
/**
 * @param getIntakeUrl - the intake's address; null where there is none
 * @param warn - is told what went wrong, for the console
 */
export declare function createDelivery(getIntakeUrl: () => string | null, warn: (message: string) => void): Delivery;
