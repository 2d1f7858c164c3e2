/** Calls that wait until the streams map is there, and the attempts to get it. */

import { readStreams, type StreamConfigs } from "./configuration.js";

const MAX_WAITING = 128;
const ATTEMPTS = 6;
const FIRST_RETRY_MS = 1_000;
/** After this long without configuration a new call asks for it again. */
const PAUSE_MS = 60_000;

/** A call that needs the configuration. */
export interface Call {
  readonly _run: (streams: StreamConfigs) => void;
  /** Told when the call is given up. */
  readonly _lost?: () => void;
}

export class ConfigurationQueue {
  private _found: StreamConfigs | undefined;
  private readonly _waiting: Call[] = [];
  private _loading = false;
  private _notBefore = 0;

  /**
   * @param _ask - gives the streams map or a promise of it; it may throw, and be asked again
   * @param _guard - runs code so that what it throws goes no further
   */
  constructor(
    private readonly _ask: () => unknown,
    private readonly _guard: (run: () => void) => void,
    private readonly _warn: (message: string) => void,
  ) {}

  /** The streams, if they are there or can be had without waiting. */
  _streams(): StreamConfigs | undefined {
    if (!this._found && !this._loading && Date.now() >= this._notBefore) this._load(1);
    return this._found;
  }

  /** Runs the call: now, or in its turn once the streams are there. The oldest give way. */
  _add(call: Call): void {
    const streams = this._streams();
    if (streams) {
      this._guard(() => call._run(streams));
      return;
    }
    this._waiting.push(call);
    if (!this._loading) {
      this._abandon(0);
    } else if (this._waiting.length > MAX_WAITING) {
      this._warn(`More than ${MAX_WAITING} calls wait`);
      this._abandon(MAX_WAITING);
    }
  }

  /** Gives the oldest calls up, but for so many. */
  private _abandon(left: number): void {
    for (const { _lost } of this._waiting.splice(0, this._waiting.length - left)) _lost?.();
  }

  private _load(attempt: number): void {
    this._loading = true;
    try {
      const found = this._ask() as PromiseLike<unknown> | null;
      // Not only the browser's own promises: platforms bring others.
      if (typeof found?.then === "function") {
        found.then(this._arrive, (error: unknown) => {
          if (attempt >= ATTEMPTS) this._fail(error);
          else setTimeout(() => this._load(attempt + 1), retryAfter(FIRST_RETRY_MS, attempt));
        });
      } else {
        this._arrive(found);
      }
    } catch (error) {
      this._fail(error);
    }
  }

  private readonly _arrive = (found: unknown): void => {
    const streams = (this._found = readStreams(found));
    this._loading = false;
    for (const call of this._waiting.splice(0)) this._guard(() => call._run(streams));
  };

  private _fail(error: unknown): void {
    this._loading = false;
    this._notBefore = Date.now() + PAUSE_MS;
    this._warn(`The configuration cannot be had: ${error}`);
    this._abandon(0);
  }
}

/** Twice as long each time, and spread, so that many pages do not all come back at once. */
export function retryAfter(first: number, attempt: number): number {
  return first * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
}
