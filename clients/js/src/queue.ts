/** Calls that wait until the streams map is there, and the attempts to get it. */

import { readStreams, type StreamConfigs } from "./configuration.js";

const MAX_WAITING = 128;
const ATTEMPTS = 6;
const FIRST_RETRY_MS = 1_000;
/** After this long without configuration a new call asks for it again. */
const PAUSE_MS = 60_000;

/** A call that needs the configuration; it is counted as lost only where it makes an event. */
export interface Call {
  readonly run: (streams: StreamConfigs) => void;
  readonly isEvent: boolean;
}

export interface QueueHooks {
  /** Runs code so that what it throws goes no further. */
  guard(run: () => void): void;
  warn(message: string): void;
  /** An event is lost. */
  drop(message: string): void;
}

export class ConfigurationQueue {
  private found: StreamConfigs | undefined;
  private waiting: Call[] = [];
  private loading = false;
  private failedAt = Number.NEGATIVE_INFINITY;

  /** @param ask - gives the streams map or a promise of it; it may throw, and be asked again */
  constructor(
    private readonly ask: () => unknown,
    private readonly hooks: QueueHooks,
  ) {}

  /** The streams, if they are there or can be had without waiting. */
  streams(): StreamConfigs | undefined {
    if (!this.found && !this.loading) this.load();
    return this.found;
  }

  /** Runs the call: now, or in its turn once the streams are there. The oldest give way. */
  add(call: Call): void {
    const streams = this.streams();
    if (streams) {
      this.hooks.guard(() => call.run(streams));
    } else if (!this.loading) {
      this.abandon([call]);
    } else {
      if (this.waiting.length >= MAX_WAITING) {
        this.hooks.warn(`More than ${MAX_WAITING} calls wait for configuration; the oldest go.`);
        this.abandon(this.waiting.splice(0, 1));
      }
      this.waiting.push(call);
    }
  }

  private abandon(calls: readonly Call[]): void {
    for (const { isEvent } of calls) {
      if (isEvent) this.hooks.drop("There is no configuration; events are not sent.");
    }
  }

  private load(): void {
    if (Date.now() - this.failedAt < PAUSE_MS) return;
    let found: unknown;
    try {
      found = this.ask();
    } catch (error) {
      this.fail(error);
      return;
    }
    // Not only the browser's own promises: platforms bring others.
    if (typeof (found as PromiseLike<unknown> | null)?.then === "function") {
      this.loading = true;
      void this.await(found as PromiseLike<unknown>, 1);
    } else {
      this.found = readStreams(found);
    }
  }

  private async await(found: PromiseLike<unknown>, attempt: number): Promise<void> {
    let streams: StreamConfigs;
    try {
      streams = readStreams(await found);
    } catch (error) {
      if (attempt < ATTEMPTS) this.askAgain(attempt);
      else this.fail(error);
      return;
    }
    this.found = streams;
    this.loading = false;
    for (const call of this.waiting.splice(0)) this.hooks.guard(() => call.run(streams));
  }

  private askAgain(attempt: number): void {
    const wait = FIRST_RETRY_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
    setTimeout(() => {
      // A throw without a promise counts like a promise that was not kept.
      const again = new Promise((resolve) => resolve(this.ask()));
      void this.await(again, attempt + 1);
    }, wait);
  }

  private fail(error: unknown): void {
    this.loading = false;
    this.failedAt = Date.now();
    this.hooks.warn(`The configuration cannot be had: ${error}`);
    this.abandon(this.waiting.splice(0));
  }
}
