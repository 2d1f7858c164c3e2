/**
 * Gets events to the intake: in small batches, by beacon where the browser takes it, else by fetch,
 * which is tried again. It never throws into the page, and counts what it could not deliver.
 */
/** Why events were not delivered. */
export type DropReason = "cookies_disabled" | "no_configuration" | "no_consent" | "no_intake" | "not_json" | "queue_full" | "refused" | "undeliverable" | "unknown_stream" | "incomplete";
export interface Counters {
    /** Events that the browser or the intake took over. */
    readonly sent: number;
    /** Events that wait to be sent, or to be sent again, some of them on a later page. */
    readonly waiting: number;
    /** Events that are lost, by reason. */
    readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
}
export declare class Delivery {
    private readonly _getIntakeUrl;
    private readonly _warn;
    private _queue;
    private _timer;
    private _sent;
    private _underWay;
    /** Of this page, in the browser's storage. */
    private _kept;
    private readonly _dropped;
    private _leaving;
    /** Whether the last request failed: from then on only an answer tells that events arrive. */
    private _failing;
    /**
     * @param _getIntakeUrl - the intake's address; null where there is none
     * @param _warn - is told what went wrong, for the console
     */
    constructor(_getIntakeUrl: () => string | null, _warn: (message: string) => void);
    get _counters(): Counters;
    /** Takes one event. It is written down at once: later changes to the object do not count. */
    _add(event: Record<string, unknown>): void;
    /** Counts events as lost, and warns of the reason, which the reference explains. */
    _drop(reason: DropReason, count: number, detail?: unknown): void;
    /** Sends all that waits, now. */
    _flush(): void;
    /** The page is left or hidden, or is there (again). */
    private _see;
    private _isWell;
    private _wait;
    /** What this or an earlier page could not send waits again. */
    private _restore;
    /** Whether the browser keeps these for a later page. */
    private _keep;
    private _send;
    private _post;
    private _again;
}
