/**
 * Gets events to the intake, in small batches. An event is sent when the intake has answered for
 * it. Until then it is tried again, and when the page is left it is in the browser's storage, from
 * which the site's next page takes it. Nothing is thrown into the page.
 */

import { isThere, keep, keys, letter, MOST, read, remove, type Letter } from "./kept.js";
import { retryAfter } from "./queue.js";

const DELAY_MS = 1_000;
/** So many do not wait for more. */
const BATCH_EVENTS = 20;
/**
 * Of a request, for of those that outlive their page browsers take 64 KiB in all at a time; a
 * character takes up to three bytes. What a browser does not take is tried again.
 */
const BATCH_CHARS = 20_000;

/** Why events were not delivered. */
export type DropReason =
  | "cookies_disabled"
  | "no_configuration"
  | "no_consent"
  | "no_intake"
  | "not_json"
  | "queue_full"
  | "refused"
  | "unknown_stream"
  | "incomplete";

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
export function createDelivery(
  getIntakeUrl: () => string | null,
  warn: (message: string) => void,
): Delivery {
  /** What has no answer, by its entry in the storage. */
  const waiting = new Map<string, Letter>();
  /** Of these, what is not under way. */
  let queue: Letter[] = [];
  const dropped: Partial<Record<DropReason, number>> = {};
  let sent = 0;
  let isOpen = true;
  let isLeaving = false;
  /** Requests that failed since the last that did not. */
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const wait = (milliseconds: number): void => {
    timer ??= setTimeout(flush, milliseconds);
  };

  const drop: Delivery["_drop"] = (reason, detail = "", count = 1) => {
    if (!count) return;
    dropped[reason] = (dropped[reason] ?? 0) + count;
    warn(`dropped: ${reason} ${detail}`);
  };

  const take = (letter: Letter): void => {
    waiting.set(letter._key, letter);
    queue.push(letter);
    if (queue.length > MOST) drop("queue_full", "", end(queue.splice(0, 1)));
  };

  /** These wait no longer; gives how many of them did. */
  const end = (letters: readonly Letter[]): number =>
    letters.filter(({ _key }) => {
      guard(() => remove(_key));
      return waiting.delete(_key);
    }).length;

  /** What other pages left behind waits here; what others have sent does not wait any longer. */
  const restore = (): void =>
    guard(() => {
      queue = queue.filter((letter) => isThere(letter) || void waiting.delete(letter._key));
      // A page that is being left has no time for what others could not do.
      for (const key of isLeaving || !isOpen ? [] : keys(getIntakeUrl())) {
        if (waiting.has(key)) continue;
        const found = read(key);
        if (found) take(found);
        else remove(key);
      }
    });

  /** Writes down what has no answer, for a later page. */
  const keepAll = (): void =>
    guard(() => {
      waiting.forEach(keep);
      for (const key of keys(getIntakeUrl()).slice(0, -MOST)) {
        remove(key);
        drop("queue_full");
      }
    });

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    restore();
    const ready = queue.splice(0);
    for (const letter of ready) letter._sentAt ??= Date.now();
    if (isLeaving) keepAll();
    if (ready.length) void post(ready);
  };

  const post = async (letters: readonly Letter[]): Promise<void> => {
    const body = `[${letters.map(({ _text }) => _text).join()}]`;
    const half = letters.length >> 1;
    const isSmall = body.length <= BATCH_CHARS;
    if (half && !isSmall) {
      void post(letters.slice(0, half));
      void post(letters.slice(half));
      return;
    }
    let status = 0;
    let refused = 0;
    try {
      const url = getIntakeUrl() as string;
      // In the address and as a text, for a simple request: a page that is left has no time for a
      // preflight. With cookies where the intake is at the site's own origin: by them an edge knows
      // whose subject ids to fill in.
      const answer = await fetch(`${url}${/\?/.test(url) ? "&" : "?"}sdk=js/${__VERSION__}`, {
        method: "POST",
        body,
        keepalive: isSmall,
      });
      status = answer.status;
      if (status === 207) {
        // {invalid: […], error: […]}
        refused = Object.values((await answer.json()) as object).flat().length;
      }
    } catch {
      // No answer, or none that can be read: as if the intake could not be reached.
    }
    if (!status || status >= 500 || status === 408 || status === 429) {
      tryAgain(letters.filter(({ _key }) => waiting.has(_key)));
      return;
    }
    failures = 0;
    const ended = end(letters);
    refused = status < 300 ? Math.min(ended, refused) : ended;
    sent += ended - refused;
    drop("refused", status, refused);
  };

  const tryAgain = (letters: readonly Letter[]): void => {
    for (const letter of letters) letter._sentAt = 0;
    queue.unshift(...letters);
    // The page may be gone before the next attempt.
    keepAll();
    wait(retryAfter(failures++));
  };

  /** Sends what waits, unless that would be in vain: a later page does it then. */
  const leave = (): void => {
    if (failures) keepAll();
    else flush();
  };
  /** The page is left or hidden, or is there (again). */
  const see = ({ type, persisted }: Partial<PageTransitionEvent>): void => {
    isLeaving = type === "pagehide" || document.hidden;
    if (isLeaving) {
      leave();
    } else if (isOpen) {
      // Firefox does not give a page that comes back the answers that came meanwhile.
      if (persisted) queue = [...waiting.values()];
      wait(DELAY_MS);
    }
  };
  for (const type of ["pagehide", "pageshow", "visibilitychange"]) addEventListener(type, see);

  return {
    _add(event) {
      const url = getIntakeUrl();
      if (!url) {
        drop("no_intake");
        return;
      }
      take(letter(url, JSON.stringify(event)));
      wait(DELAY_MS);
      if (isLeaving) leave();
      else if (!failures && queue.length >= BATCH_EVENTS) flush();
    },
    _drop: drop,
    _flush: flush,
    _setOpen(open) {
      if (open) {
        wait(DELAY_MS);
      } else {
        restore();
        queue = [];
        drop("no_consent", "", end([...waiting.values()]));
      }
      isOpen = open;
    },
    _isOpen: () => isOpen,
    _count: () => ({ sent, waiting: waiting.size, dropped: { ...dropped } }),
  };
}

/** The browser may keep nothing for this page; then what waits is in memory alone. */
function guard(run: () => void): void {
  try {
    run();
  } catch {
    // There is nothing to do about it.
  }
}
