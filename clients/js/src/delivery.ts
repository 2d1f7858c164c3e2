/**
 * Gets events to the intake: in small batches, by beacon where the browser takes it, else by fetch,
 * which is tried again. It never throws into the page, and counts what it could not deliver.
 */

import { keep, takeKept } from "./kept.js";
import { retryAfter } from "./queue.js";

const DELAY_MS = 1_000;
const BATCH_EVENTS = 20;
/** Browsers let beacons and keepalive requests hold 64 KiB in all while they are under way. */
const BATCH_BYTES = 60_000;
const MAX_WAITING = 1_000;
const MAX_ATTEMPTS = 5;
const FIRST_RETRY_MS = 1_000;

/** Why events were not delivered. */
export type DropReason =
  | "cookies_disabled"
  | "no_configuration"
  | "no_consent"
  | "no_intake"
  | "not_json"
  | "queue_full"
  | "refused"
  | "undeliverable"
  | "unknown_stream"
  | "incomplete";

export interface Counters {
  /** Events that the browser or the intake took over. */
  readonly sent: number;
  /** Events that wait to be sent, or to be sent again, some of them on a later page. */
  readonly waiting: number;
  /** Events that are lost, by reason. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
}

/** One event as JSON, with the number of times that sending it was tried. */
interface Letter {
  readonly _text: string;
  readonly _bytes: number;
  _attempts: number;
}

export class Delivery {
  /** @internal Whether events may be sent at all. */
  _isOpen = true;
  private _queue: Letter[] = [];
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _sent = 0;
  private _underWay = 0;
  /** Of this page, in the browser's storage. */
  private _kept = 0;
  private readonly _dropped: Partial<Record<DropReason, number>> = {};
  private _leaving = false;
  /** Whether the last request failed: from then on only an answer tells that events arrive. */
  private _failing = false;

  /**
   * @param _getIntakeUrl - the intake's address; null where there is none
   * @param _warn - is told what went wrong, for the console
   */
  constructor(
    private readonly _getIntakeUrl: () => string | null,
    private readonly _warn: (message: string) => void,
  ) {
    const see = (): void => this._see(document.visibilityState === "hidden");
    addEventListener("pagehide", () => this._see(true));
    addEventListener("pageshow", see);
    document.addEventListener("visibilitychange", see);
  }

  get _counters(): Counters {
    return {
      sent: this._sent,
      waiting: this._queue.length + this._underWay + this._kept,
      dropped: { ...this._dropped },
    };
  }

  /** Takes one event. It is written down at once: later changes to the object do not count. */
  _add(event: Record<string, unknown>): void {
    if (this._queue.length >= MAX_WAITING) {
      this._queue.shift();
      this._drop("queue_full", 1);
    }
    this._queue.push(letter(JSON.stringify(event)));
    if (this._leaving || (!this._failing && this._queue.length >= BATCH_EVENTS)) this._flush();
    else this._wait(DELAY_MS);
  }

  /** Counts events as lost, and warns of the reason, which the reference explains. */
  _drop(reason: DropReason, count: number, detail: unknown = ""): void {
    this._dropped[reason] = (this._dropped[reason] ?? 0) + count;
    this._warn(`Events are dropped: ${reason} ${detail}`);
  }

  /** Sends all that waits, now. */
  _flush(): void {
    clearTimeout(this._timer);
    this._timer = undefined;
    const waiting = this._queue.splice(0);
    if (!waiting.length) return;
    const url = this._getIntakeUrl();
    if (url === null) {
      this._drop("no_intake", waiting.length);
      return;
    }
    // A beacon would be taken and lost, and a page that is left sees no answer.
    if (this._leaving && !this._isWell() && this._keep(waiting)) return;
    // In the address, since a beacon sets no headers.
    const signed = `${url}${url.includes("?") ? "&" : "?"}sdk=js/${__VERSION__}`;
    for (const batch of batches(waiting)) this._send(signed, batch);
  }

  /**
   * Opens or closes the way of events. Closed, all that waits is lost, and what is kept in the
   * browser's storage is removed.
   *
   * @internal
   */
  _setOpen(open: boolean): void {
    this._isOpen = open;
    this._restore();
    const lost = open ? 0 : this._queue.splice(0).length;
    if (lost) this._drop("no_consent", lost);
  }

  /** The page is left or hidden, or is there (again). */
  private _see(leaving: boolean): void {
    this._leaving = leaving;
    if (leaving) this._flush();
    else if (this._isOpen) this._restore();
  }

  private _isWell(): boolean {
    return !this._failing && navigator.onLine !== false;
  }

  private _wait(milliseconds: number): void {
    this._timer ??= setTimeout(() => this._flush(), milliseconds);
  }

  /** What this or an earlier page could not send waits again. */
  private _restore(): void {
    const url = this._getIntakeUrl();
    const found = url === null ? [] : takeKept(url);
    this._kept = 0;
    if (!found.length) return;
    this._queue.unshift(...found.map(letter));
    this._wait(DELAY_MS);
  }

  /** Whether the browser keeps these for a later page. */
  private _keep(letters: readonly Letter[]): boolean {
    const texts = letters.map(({ _text }) => _text);
    const lost = keep(this._getIntakeUrl() as string, texts);
    if (lost === null) return false;
    this._kept += texts.length - lost;
    if (lost) this._drop("queue_full", lost);
    return true;
  }

  private _send(url: string, batch: Letter[]): void {
    const body = `[${batch.map(({ _text }) => _text).join(",")}]`;
    const small = bytesOf(body) <= BATCH_BYTES;
    if (small && (this._leaving || this._isWell()) && beacon(url, body)) this._sent += batch.length;
    else void this._post(url, body, small, batch);
  }

  private async _post(url: string, body: string, keepalive: boolean, batch: Letter[]): Promise<void> {
    const count = batch.length;
    this._underWay += count;
    let status = 0;
    let refused = 0;
    try {
      const answer = await fetch(url, {
        method: "POST",
        body,
        // A simple request: no preflight, which a page that is being left has no time for.
        headers: { "Content-Type": "text/plain;charset=UTF-8" },
        credentials: "omit",
        keepalive,
      });
      status = answer.status;
      if (status === 207) {
        const { invalid, error } = (await answer.json()) as Record<string, unknown[] | undefined>;
        refused = Math.min(count, (invalid?.length ?? 0) + (error?.length ?? 0));
      }
    } catch {
      // No answer, or none that can be read: as if the intake could not be reached.
    }
    this._underWay -= count;
    const temporary = status < 200 || status >= 500 || status === 408 || status === 429;
    this._failing = temporary;
    if (temporary) {
      this._again(batch, status);
      return;
    }
    if (status >= 300) refused = count;
    this._sent += count - refused;
    if (refused) this._drop("refused", refused, status);
  }

  private _again(batch: Letter[], status: number): void {
    if (!this._isOpen) {
      this._drop("no_consent", batch.length);
      return;
    }
    const again = batch.filter((letter) => ++letter._attempts < MAX_ATTEMPTS);
    const over = batch.filter((letter) => !again.includes(letter));
    if (over.length && !this._keep(over)) this._drop("undeliverable", over.length, status);
    if (!again.length) return;
    this._queue.unshift(...again);
    if (this._leaving) this._flush();
    else this._wait(retryAfter(FIRST_RETRY_MS, (again[0] as Letter)._attempts));
  }
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function letter(text: string): Letter {
  return { _text: text, _bytes: bytesOf(text), _attempts: 0 };
}

function batches(letters: readonly Letter[]): Letter[][] {
  const found: Letter[][] = [];
  let last: Letter[] = [];
  let bytes = BATCH_BYTES;
  for (const letter of letters) {
    // With a comma each, and the brackets.
    bytes += letter._bytes + 1;
    if (bytes > BATCH_BYTES || last.length >= BATCH_EVENTS) {
      found.push((last = []));
      bytes = letter._bytes + 2;
    }
    last.push(letter);
  }
  return found;
}

function beacon(url: string, body: string): boolean {
  try {
    return navigator.sendBeacon(url, body);
  } catch {
    return false;
  }
}
