/**
 * Events on their way to the intake: a bounded queue, sent in batches beside the site's work.
 *
 * Nobody waits: handing over an event is one append. What cannot be delivered is counted by reason,
 * never lost in silence. An event is sent again when its answer did not come, so the intake may meet
 * it twice; its `meta.id` tells.
 */

import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { asObject, asText } from "../configuration.js";
import { address, ask, type Answer } from "./connection.js";
import { flushAtExit } from "./exit.js";

const MAX_BATCH_EVENTS = 100;
const MAX_BATCH_BYTES = 1_000_000;
const RETRY_STATUSES = [408, 429, 502, 503, 504];
const ACCEPTED_STATUSES = [200, 201, 202, 204];
const SOME_REFUSED = 207;
const TOO_LARGE = 413;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** While somebody waits for the end, who would rather know soon. */
const FLUSH_PAUSE_MS = 1_000;
const LONGEST_REASON = 300;
const gzipped = promisify(gzip);

/** Why events were not delivered. */
export type LossReason = "closed" | "not_json" | "queue_full" | "too_large" | "unreachable";

/**
 * What became of the events so far: `offered` = `accepted` + `rejected` + dropped + `pending`. `sent`
 * counts the events in requests that the intake has decided on.
 */
export interface DeliveryCounts {
  readonly offered: number;
  readonly sent: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly dropped: Readonly<Partial<Record<LossReason, number>>>;
  readonly pending: number;
  readonly lastProblem: string;
}

export interface DeliveryOptions {
  readonly intakeUrl: string;
  /** Events that may wait; further ones are dropped as `queue_full`. */
  readonly capacity?: number;
  /** How long a batch that is not full waits for company. */
  readonly lingerSeconds?: number;
  /** How long a batch is tried before it is dropped as `unreachable`. */
  readonly giveUpSeconds?: number;
  /** Seconds that one answer may take. */
  readonly timeoutSeconds?: number;
  /** Send bodies gzipped. */
  readonly compress?: boolean;
}

export class Delivery {
  readonly #url: URL;
  readonly #capacity: number;
  readonly #lingerMs: number;
  readonly #giveUpMs: number;
  readonly #timeoutSeconds: number;
  readonly #compress: boolean;
  #queue: string[] = [];
  #inFlight: readonly string[] = [];
  #worker: Promise<void> | undefined;
  #linger: Pause | undefined;
  #rest: Pause | undefined;
  #flushing = 0;
  #closing = false;
  #deadline = Number.POSITIVE_INFINITY;
  #counts = { offered: 0, sent: 0, accepted: 0, rejected: 0 };
  readonly #dropped: Partial<Record<LossReason, number>> = {};
  #lastProblem = "";

  /** @throws RangeError when the intake's address is none */
  constructor(options: DeliveryOptions) {
    this.#url = address(options.intakeUrl);
    this.#capacity = options.capacity ?? 10_000;
    this.#lingerMs = (options.lingerSeconds ?? 0.2) * 1_000;
    this.#giveUpMs = (options.giveUpSeconds ?? 300) * 1_000;
    this.#timeoutSeconds = options.timeoutSeconds ?? 5;
    this.#compress = options.compress ?? false;
  }

  /** Queues one event; false (and counted) if it is dropped. Never waits for the network. */
  submit(event: Readonly<Record<string, unknown>>): boolean {
    this.#counts.offered++;
    let line: string;
    try {
      line = JSON.stringify(event);
    } catch (error) {
      return this.#drop(1, "not_json", `an event cannot be written as JSON: ${error}`);
    }
    // A character is at most three bytes; what may be too long is measured.
    if (line.length * 3 > MAX_BATCH_BYTES && bytesOf(line) > MAX_BATCH_BYTES) {
      return this.#drop(1, "too_large", `an event has ${bytesOf(line)} bytes`);
    }
    if (this.#closing) return this.#drop(1, "closed", "the client is closed");
    if (this.pending >= this.#capacity) {
      return this.#drop(1, "queue_full", `${this.#capacity} events wait`);
    }
    this.#queue.push(line);
    this.#start();
    if (this.#queue.length >= MAX_BATCH_EVENTS) this.#linger?.end();
    return true;
  }

  /** Events that wait or are being sent. */
  get pending(): number {
    return this.#queue.length + this.#inFlight.length;
  }

  get counts(): DeliveryCounts {
    return {
      ...this.#counts,
      dropped: { ...this.#dropped },
      pending: this.pending,
      lastProblem: this.#lastProblem,
    };
  }

  /** Waits until nothing is pending; whether that came in time. */
  async flush(seconds = 10): Promise<boolean> {
    const until = Date.now() + seconds * 1_000;
    const late = new Pause(seconds * 1_000, true);
    this.#flushing++;
    this.#rest?.end();
    while (this.pending && Date.now() < until) {
      this.#start();
      this.#linger?.end();
      await Promise.race([this.#worker, late.over]);
    }
    this.#flushing--;
    late.end();
    return this.pending === 0;
  }

  /** Delivers what waits, for at most so many seconds; what is left counts as `closed`. */
  async close(seconds = 5): Promise<void> {
    this.#closing = true;
    this.#deadline = Math.min(this.#deadline, Date.now() + seconds * 1_000);
    await this.flush(seconds);
    this.#drop(this.#queue.splice(0).length, "closed", "the client was closed before");
  }

  /**
   * For the end of the program.
   *
   * @internal
   */
  leftovers(): { url: string; headers: Record<string, string>; batches: string[] } {
    const lines = [...this.#inFlight, ...this.#queue];
    const batches: string[] = [];
    for (let at = 0; at < lines.length; at += MAX_BATCH_EVENTS) {
      batches.push(`[${lines.slice(at, at + MAX_BATCH_EVENTS).join(",")}]`);
    }
    return { url: this.#url.href, headers: this.#headers(), batches };
  }

  #start(): void {
    if (this.#worker) return;
    const forget = flushAtExit(this);
    this.#worker = this.#work().finally(() => {
      this.#worker = undefined;
      if (this.#queue.length) this.#start();
      else forget();
    });
  }

  /** Sends until nothing waits. */
  async #work(): Promise<void> {
    while (this.#queue.length) {
      if (this.#queue.length < MAX_BATCH_EVENTS && !this.#flushing && !this.#closing) {
        this.#linger = new Pause(this.#lingerMs, false);
        await this.#linger.over;
        this.#linger = undefined;
      }
      this.#inFlight = this.#take();
      try {
        await this.#deliver(this.#inFlight);
      } catch (error) {
        this.#drop(this.#inFlight.length, "unreachable", `delivery failed: ${error}`);
      }
      this.#inFlight = [];
    }
  }

  #take(): string[] {
    let bytes = 0;
    let count = 0;
    for (const line of this.#queue.slice(0, MAX_BATCH_EVENTS)) {
      bytes += bytesOf(line) + 1;
      if (count && bytes > MAX_BATCH_BYTES) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #deliver(batch: readonly string[]): Promise<void> {
    const giveUp = Date.now() + this.#giveUpMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      let wait = 0;
      let problem: string;
      try {
        const answer = await this.#post(batch);
        if (await this.#settled(batch, answer)) return;
        problem = `${this.#url.origin}: status ${answer.status}`;
        wait = retryAfter(answer);
      } catch (error) {
        problem = (error as Error).message;
      }
      const now = Date.now();
      if (now > Math.min(giveUp, this.#deadline)) {
        this.#drop(batch.length, now > this.#deadline ? "closed" : "unreachable", problem);
        return;
      }
      this.#note(problem);
      // Full jitter, so that many sites do not come back at one moment.
      const chosen = Math.max(wait, pause * (0.5 + Math.random() / 2));
      const most = Math.min(this.#deadline - now, this.#flushing ? FLUSH_PAUSE_MS : chosen);
      this.#rest = new Pause(Math.min(chosen, most), this.#flushing > 0);
      await this.#rest.over;
      this.#rest = undefined;
    }
  }

  async #post(batch: readonly string[]): Promise<Answer> {
    const text = `[${batch.join(",")}]`;
    const headers = this.#headers();
    if (this.#compress) headers["Content-Encoding"] = "gzip";
    const body = this.#compress ? await gzipped(text) : text;
    return ask(this.#url, { method: "POST", headers, body }, this.#timeoutSeconds);
  }

  #headers(): Record<string, string> {
    return { "Content-Type": "application/json", "X-Allotment-SDK": `node/${__VERSION__}` };
  }

  /** Whether this answer decides the batch's fate; false asks for another try. */
  async #settled(batch: readonly string[], answer: Answer): Promise<boolean> {
    const { status } = answer;
    if (ACCEPTED_STATUSES.includes(status)) {
      this.#settle(batch.length, 0);
      return true;
    }
    if (status === TOO_LARGE) {
      const middle = Math.floor(batch.length / 2);
      if (middle) {
        await this.#deliver(batch.slice(0, middle));
        await this.#deliver(batch.slice(middle));
      } else {
        this.#drop(1, "too_large", "the intake calls an event too large");
      }
      return true;
    }
    const refused = refusedOf(answer);
    if (RETRY_STATUSES.includes(status) || (status >= 500 && !refused)) return false;
    const partly = status === SOME_REFUSED && refused;
    const rejected = partly ? Math.min(batch.length, refused.length) : batch.length;
    this.#settle(batch.length - rejected, rejected);
    this.#note(`status ${status}: ${reasonOf(answer, refused)}`);
    return true;
  }

  #settle(accepted: number, rejected: number): void {
    this.#counts.sent += accepted + rejected;
    this.#counts.accepted += accepted;
    this.#counts.rejected += rejected;
  }

  #drop(count: number, reason: LossReason, problem: string): false {
    if (count) {
      this.#dropped[reason] = (this.#dropped[reason] ?? 0) + count;
      this.#note(`events dropped (${reason}): ${problem}`);
    }
    return false;
  }

  #note(problem: string): void {
    if (this.#lastProblem !== problem) console.warn(`[allotment] delivery of events: ${problem}`);
    this.#lastProblem = problem;
  }
}

/** A while that can be ended early. One that does not hold the program lets it end meanwhile. */
class Pause {
  readonly over: Promise<void>;
  end!: () => void;

  constructor(milliseconds: number, holds: boolean) {
    this.over = new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, milliseconds));
      if (!holds) timer.unref();
      this.end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** What an answer says of each refused event; null where it names none. */
function refusedOf(answer: Answer): readonly unknown[] | null {
  try {
    const found = asObject(JSON.parse(answer.body));
    const lists = [found?.invalid, found?.error].filter((list) => Array.isArray(list));
    return lists.length ? lists.flat() : null;
  } catch {
    return null;
  }
}

/** Why the first event was refused; never the event itself, which may name a person. */
function reasonOf(answer: Answer, refused: readonly unknown[] | null): string {
  const context = asObject(asObject(refused?.[0])?.context);
  let said = asText(context?.errorsText) ?? asText(context?.message);
  try {
    said ??= asText(asObject(JSON.parse(answer.body))?.detail);
  } catch {
    // Told below.
  }
  return said?.slice(0, LONGEST_REASON) ?? "the answer gives no reason";
}

function retryAfter(answer: Answer): number {
  const seconds = Number(answer.headers.get("retry-after") ?? "");
  return seconds > 0 ? Math.min(seconds * 1_000, LONGEST_PAUSE_MS) : 0;
}
