/**
 * Gets events to the intake: in small batches, by beacon where the browser takes it, else by fetch,
 * which is tried again. It never throws into the page, and counts what it could not deliver.
 */

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
  /** Events that wait to be sent, or to be sent again. */
  readonly waiting: number;
  /** Events that are lost, by reason. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
}

/** One event as JSON, with the number of times that sending it was tried. */
interface Letter {
  readonly text: string;
  readonly bytes: number;
  attempts: number;
}

export class Delivery {
  private queue: Letter[] = [];
  private readonly retrying = new Map<ReturnType<typeof setTimeout>, Letter[]>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sent = 0;
  private underWay = 0;
  private readonly dropped: Partial<Record<DropReason, number>> = {};
  private leaving = false;

  /**
   * @param getIntakeUrl - the intake's address; null where there is none
   * @param warn - is told what went wrong, for the console
   */
  constructor(
    private readonly getIntakeUrl: () => string | null,
    private readonly warn: (message: string) => void,
  ) {
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", () => {
      this.leaving = false;
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") this.leave();
      else this.leaving = false;
    });
  }

  get counters(): Counters {
    const retrying = [...this.retrying.values()].reduce((sum, batch) => sum + batch.length, 0);
    return {
      sent: this.sent,
      waiting: this.queue.length + retrying + this.underWay,
      dropped: { ...this.dropped },
    };
  }

  /** Takes one event. It is written down at once: later changes to the object do not count. */
  add(event: Record<string, unknown>): void {
    let text: string;
    try {
      text = JSON.stringify(event);
    } catch (error) {
      this.drop("not_json", 1, `An event is no JSON (${error}); it is not sent.`);
      return;
    }
    if (this.queue.length >= MAX_WAITING) {
      this.queue.shift();
      this.drop("queue_full", 1, `More than ${MAX_WAITING} events wait; the oldest is dropped.`);
    }
    this.queue.push({ text, bytes: new TextEncoder().encode(text).length, attempts: 0 });
    if (this.leaving || this.queue.length >= BATCH_EVENTS) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /** Counts events as lost. */
  drop(reason: DropReason, count: number, message: string): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + count;
    this.warn(message);
  }

  /** Sends all that waits, now. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const waiting = this.queue;
    this.queue = [];
    if (waiting.length === 0) return;
    const url = this.getIntakeUrl();
    if (url === null) {
      this.drop("no_intake", waiting.length, "No intake is configured; events are not sent.");
      return;
    }
    // In the address, since a beacon sets no headers.
    const signed = `${url}${url.includes("?") ? "&" : "?"}sdk=js/${__VERSION__}`;
    for (const batch of batches(waiting)) this.send(signed, batch);
  }

  private leave(): void {
    this.leaving = true;
    // What waits for its next attempt has no other chance than this one.
    for (const [timer, batch] of this.retrying) {
      clearTimeout(timer);
      this.queue.unshift(...batch);
    }
    this.retrying.clear();
    this.flush();
  }

  private send(url: string, batch: Letter[]): void {
    const body = `[${batch.map((letter) => letter.text).join(",")}]`;
    if (size(batch) <= BATCH_BYTES && beacon(url, body)) this.sent += batch.length;
    else void this.post(url, body, batch);
  }

  private async post(url: string, body: string, batch: Letter[]): Promise<void> {
    this.underWay += batch.length;
    let status = 0;
    let refused = 0;
    try {
      const answer = await fetch(url, {
        method: "POST",
        body,
        // A simple request: no preflight, which a page that is being left has no time for.
        headers: { "Content-Type": "text/plain;charset=UTF-8" },
        credentials: "omit",
        keepalive: size(batch) <= BATCH_BYTES,
      });
      status = answer.status;
      if (status === 207) refused = countFailed(await answer.json(), batch.length);
    } catch {
      // No answer, or none that can be read: as if the intake could not be reached.
    }
    this.underWay -= batch.length;
    if (status >= 200 && status < 300) {
      this.sent += batch.length - refused;
      if (refused) this.drop("refused", refused, `The intake refused ${refused} events.`);
    } else if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
      this.drop("refused", batch.length, `The intake refused events with status ${status}.`);
    } else {
      this.again(batch);
    }
  }

  private again(batch: Letter[]): void {
    const attempts = Math.max(...batch.map((letter) => ++letter.attempts));
    if (attempts >= MAX_ATTEMPTS) {
      this.drop(
        "undeliverable",
        batch.length,
        `The intake took ${batch.length} events in none of ${attempts} attempts.`,
      );
      return;
    }
    // Spread, so that many pages do not all come back at once.
    const wait = FIRST_RETRY_MS * 2 ** (attempts - 1) * (0.75 + Math.random() / 2);
    const timer = setTimeout(() => {
      this.retrying.delete(timer);
      this.queue.unshift(...batch);
      this.flush();
    }, wait);
    this.retrying.set(timer, batch);
  }
}

/** Beside the letters' own bytes: the brackets, and a comma before each but the first. */
function size(batch: readonly Letter[]): number {
  return batch.reduce((sum, letter) => sum + letter.bytes + 1, 1);
}

function batches(letters: readonly Letter[]): Letter[][] {
  const found: Letter[][] = [];
  let last: Letter[] = [];
  for (const letter of letters) {
    const full = last.length >= BATCH_EVENTS || size([...last, letter]) > BATCH_BYTES;
    if (full && last.length) {
      found.push(last);
      last = [];
    }
    last.push(letter);
  }
  found.push(last);
  return found;
}

function beacon(url: string, body: string): boolean {
  try {
    return navigator.sendBeacon(url, body);
  } catch {
    return false;
  }
}

function countFailed(answer: unknown, most: number): number {
  const { invalid, error } = (answer ?? {}) as { invalid?: unknown[]; error?: unknown[] };
  return Math.min(most, (invalid?.length ?? 0) + (error?.length ?? 0));
}
