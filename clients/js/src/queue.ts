/** Calls that wait until the streams map is there, and the attempts to get it. */

import { asObject, type Streams } from "./configuration.js";

const MAX_WAITING = 128;

/** A call that needs the configuration; null: it is given up. */
export type Call = (streams: Streams | null) => void;

export interface ConfigurationQueue {
  /** The streams, if they are there or can be had without waiting. */
  _streams(): Streams | null;
  /** Runs the call: now, or in its turn once the streams are there. The oldest give way. */
  _add(call: Call): void;
}

/**
 * @param ask - gives the streams map or a promise of it; where it fails it is asked again
 * @param guard - runs code so that what it throws goes no further
 */
export function createQueue(
  ask: () => unknown,
  guard: (run: () => void) => void,
  warn: (message: string) => void,
): ConfigurationQueue {
  let found: Streams | null = null;
  let isLoading = false;
  const waiting: Call[] = [];

  /** Runs the oldest calls, but for so many. */
  const run = (left: number): void => {
    for (const call of waiting.splice(0, waiting.length - left)) guard(() => call(found));
  };
  const arrive = (streams: unknown): void => {
    found = asObject(streams) ?? {};
    run(0);
  };
  const load = (failures: number): void => {
    isLoading = true;
    const fail = (error: unknown): void => {
      warn(`no configuration: ${error}`);
      setTimeout(load, retryAfter(failures), failures + 1);
    };
    try {
      const asked = ask() as PromiseLike<unknown> | null;
      // Not only the browser's own promises: platforms bring others.
      if (typeof asked?.then === "function") asked.then(arrive, fail);
      else arrive(asked);
    } catch (error) {
      fail(error);
    }
  };
  const streams = (): Streams | null => {
    if (!isLoading) load(0);
    return found;
  };
  return {
    _streams: streams,
    _add(call) {
      waiting.push(call);
      run(streams() ? 0 : MAX_WAITING);
    },
  };
}

/** In ms: twice as long each time, up to about a minute, and spread, so that many pages do not all
 * come back at once. */
export function retryAfter(failures: number): number {
  return 1_000 * 2 ** Math.min(failures, 6) * (0.75 + Math.random() / 2);
}
