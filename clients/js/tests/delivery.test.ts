import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createDelivery, type Delivery } from "../src/delivery.js";
import { endPage, newPage, newStorage, type Page } from "./page.js";

const URL = "http://intake.example/v1/events";
const SIGNED = `${URL}?sdk=js/${__VERSION__}`;
const DOWN = new TypeError("down");
/** The browser's storage, of all pages of a test. */
let storage: Record<string, string>;
let page: Page;
let delivery: Delivery;
let drawn = 0;

/** A new page of the site, as after a navigation. */
function open(url: string | null = URL): void {
  page = newPage();
  vi.stubGlobal("localStorage", storage);
  // The waits are then 1 s, 2 s, 4 s, …; no two are the same, as of any that are random.
  vi.spyOn(Math, "random").mockImplementation(() => 0.5 + ++drawn / 1e12);
  delivery = createDelivery(
    () => url,
    (message) => page.warnings.push(message),
  );
  delivery._setOpen(true);
}
/** From the browser's cache of pages that were left. */
function comeBack(): void {
  page.document.hidden = false;
  page.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
}
function leave(): void {
  page.hide();
  page.isGone = true;
  endPage();
}

beforeEach(() => {
  storage = newStorage();
  open();
});
afterEach(endPage);

const add = (count: number, extra: object = {}): void => {
  for (let n = 0; n < count; n++) delivery._add({ n, ...extra });
};
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const numbers = (): number[] => page.events.map(({ n }) => n);

describe("sending", () => {
  it("waits a second and posts one array, without a preflight", async () => {
    add(3);
    await pass(999);
    expect(page.posts).toEqual([]);
    await pass(1);
    expect(page.posts).toEqual([
      {
        url: SIGNED,
        init: {
          method: "POST",
          body: '[{"n":0},{"n":1},{"n":2}]',
          keepalive: true,
        },
        events: [{ n: 0 }, { n: 1 }, { n: 2 }],
        status: 201,
      },
    ]);
    expect(delivery._count()).toEqual({ sent: 3, waiting: 0, dropped: {} });
    expect(storage).toEqual({});
  });

  it("counts an event as sent when it is answered, not before", async () => {
    add(2);
    delivery._flush();
    expect(delivery._count()).toEqual({ sent: 0, waiting: 2, dropped: {} });
    await pass(0);
    expect(delivery._count()).toEqual({ sent: 2, waiting: 0, dropped: {} });
  });

  it("adds itself to an address that has parameters", () => {
    open(`${URL}?hasty=true`);
    add(1);
    delivery._flush();
    expect(page.posts.map(({ url }) => url)).toEqual([`${URL}?hasty=true&sdk=js/${__VERSION__}`]);
  });

  it("does not wait for more than 20 events", () => {
    add(20);
    expect(page.events).toHaveLength(20);
  });

  it("takes the event as it is at the call", () => {
    const event = { n: 1 };
    delivery._add(event);
    event.n = 2;
    delivery._flush();
    expect(numbers()).toEqual([1]);
  });

  it("sends all when the page is hidden, and from then on at once", () => {
    add(1);
    page.hide();
    expect(numbers()).toEqual([0]);
    add(1);
    expect(numbers()).toEqual([0, 0]);
  });

  it("sends all on pagehide, and waits again once the page is back", () => {
    add(1);
    page.window.dispatchEvent(new Event("pagehide"));
    expect(page.events).toHaveLength(1);
    page.window.dispatchEvent(new Event("pageshow"));
    add(1);
    expect(page.events).toHaveLength(1);
  });

  it("splits what is larger than a request that outlives its page may be", () => {
    add(4, { text: "€".repeat(9_000) });
    delivery._flush();
    expect(page.posts.map(({ events }) => events.length)).toEqual([2, 2]);
    for (const { init } of page.posts) {
      expect(new Blob([init.body as string]).size).toBeLessThanOrEqual(60_000);
      expect(init.keepalive).toBe(true);
    }
  });

  it("posts one event that is larger, which the page must stay for", async () => {
    add(1);
    add(1, { text: "x".repeat(70_000) });
    add(1);
    delivery._flush();
    await pass(0);
    expect(page.posts.map(({ init }) => init.keepalive)).toEqual([true, false, true]);
    expect(delivery._count().sent).toBe(3);
  });

  it("counts as dropped what has no intake to go to", async () => {
    open(null);
    add(1);
    await pass(5_000);
    expect(delivery._count()).toEqual({ sent: 0, waiting: 0, dropped: { no_intake: 1 } });
    expect(page.posts).toEqual([]);
  });

  it("counts the events that the intake refused", async () => {
    page.answers = [{ status: 207, body: { invalid: [{}], error: [] } }, { status: 400 }];
    add(3);
    delivery._flush();
    await pass(0);
    expect(delivery._count()).toEqual({ sent: 2, waiting: 0, dropped: { refused: 1 } });
    add(2);
    delivery._flush();
    await pass(600_000);
    expect(page.posts).toHaveLength(2);
    expect(delivery._count()).toEqual({ sent: 2, waiting: 0, dropped: { refused: 3 } });
    expect(storage).toEqual({});
  });
});

describe("where there is no answer", () => {
  it.each([DOWN, { status: 503 }, { status: 429 }, { status: 408 }, { status: 500 }])(
    "tries again after %j, later each time",
    async (failure) => {
      page.answers = [failure, failure, { status: 201 }];
      add(1);
      delivery._flush();
      await pass(0);
      expect(delivery._count()).toEqual({ sent: 0, waiting: 1, dropped: {} });
      await pass(999);
      expect(page.posts).toHaveLength(1);
      await pass(1);
      expect(page.posts).toHaveLength(2);
      await pass(1_999);
      expect(page.posts).toHaveLength(2);
      await pass(1);
      expect(page.posts).toHaveLength(3);
      expect(delivery._count()).toEqual({ sent: 1, waiting: 0, dropped: {} });
      expect(storage).toEqual({});
    },
  );

  it("goes on as long as the page is there, in the end about once a minute", async () => {
    page.answers = [DOWN];
    add(2);
    await pass(3_600_000);
    expect(delivery._count()).toEqual({ sent: 0, waiting: 2, dropped: {} });
    const before = page.posts.length;
    expect(before).toBeLessThan(70);
    await pass(80_000);
    expect(page.posts.length).toBeGreaterThan(before);
  });

  it("does not ask at once for every further batch", async () => {
    page.answers = [DOWN];
    add(1);
    delivery._flush();
    await pass(0);
    add(60);
    expect(page.posts).toHaveLength(1);
    await pass(1_000);
    expect(page.posts).toHaveLength(2);
  });

  it("keeps at most 500 events, the oldest give way", async () => {
    page.answers = [DOWN];
    add(1);
    delivery._flush();
    await pass(0);
    add(502);
    expect(delivery._count()).toEqual({ sent: 0, waiting: 500, dropped: { queue_full: 3 } });
    expect(page.warnings.join()).toMatch(/queue_full/);
  });
});

describe("when the page is left", () => {
  it("is kept until it is answered, if the page sees that", async () => {
    add(1);
    page.hide();
    expect(Object.values(storage)).toEqual([`${Date.now()}{"n":0}`]);
    await pass(0);
    expect(storage).toEqual({});
  });

  it("without an answer: the next page sends it again, and removes it", async () => {
    add(2);
    leave();
    open();
    await pass(1_000);
    expect(numbers()).toEqual([0, 1]);
    expect(delivery._count()).toEqual({ sent: 2, waiting: 0, dropped: {} });
    expect(storage).toEqual({});
  });

  it("in an outage that it knows: nothing is tried, and a page of next week sends it", async () => {
    page.answers = [DOWN];
    add(1);
    delivery._flush();
    await pass(0);
    add(1);
    leave();
    expect(page.posts).toHaveLength(1);
    expect(Object.values(storage).sort()).toEqual(['{"n":0}', '{"n":0}']);
    open();
    vi.setSystemTime(Date.now() + 7 * 86_400_000);
    await pass(1_000);
    expect(numbers()).toEqual([0, 0]);
  });

  it("and come back to without the answer: sent again, and counted once", async () => {
    page.isGone = true;
    add(1);
    page.hide();
    await pass(0);
    page.isGone = false;
    comeBack();
    expect(delivery._count()).toEqual({ sent: 0, waiting: 1, dropped: {} });
    await pass(1_000);
    expect(numbers()).toEqual([0, 0]);
    expect(delivery._count()).toEqual({ sent: 1, waiting: 0, dropped: {} });
    expect(storage).toEqual({});
  });

  it("and come back to, with the answer after that: not sent again", async () => {
    add(1);
    page.hide();
    comeBack();
    await pass(1_000);
    expect(numbers()).toEqual([0]);
    expect(delivery._count()).toEqual({ sent: 1, waiting: 0, dropped: {} });
  });

  it("with the request still under way: it is kept, too", async () => {
    add(1);
    delivery._flush();
    leave();
    open();
    await pass(1_000);
    expect(numbers()).toEqual([0]);
  });

  it("without an answer, found after ten minutes: given up, since it might be doubled", async () => {
    add(1);
    leave();
    open();
    vi.setSystemTime(Date.now() + 600_001);
    await pass(1_000);
    expect(page.posts).toEqual([]);
    expect(delivery._count()).toEqual({ sent: 0, waiting: 0, dropped: {} });
    expect(page.warnings).toEqual([]);
    expect(storage).toEqual({});
  });

  it("sent again and left again: the ten minutes begin with the first time", async () => {
    const first = Date.now();
    add(1);
    leave();
    open();
    vi.setSystemTime(first + 400_000);
    delivery._flush();
    leave();
    expect(Object.values(storage)).toEqual([`${first}{"n":0}`]);
  });

  it("by a page that lives on: what another page has sent is not sent again", async () => {
    page.answers = [DOWN];
    add(1);
    page.hide();
    await pass(0);
    expect(Object.values(storage)).toEqual(['{"n":0}']);
    delete storage[Object.keys(storage)[0] as string];
    page.answers = [{ status: 201 }];
    page.show();
    await pass(5_000);
    expect(page.posts).toHaveLength(1);
    expect(delivery._count()).toEqual({ sent: 0, waiting: 0, dropped: {} });
  });

  it("again and again: no more than 500 events are kept", async () => {
    for (let n = 0; n < 3; n++) {
      page.answers = [DOWN];
      add(1);
      delivery._flush();
      await pass(0);
      add(199);
      leave();
      open();
    }
    expect(Object.keys(storage)).toHaveLength(500);
  });

  it("where the browser keeps nothing: sent at once, and nothing breaks", async () => {
    vi.stubGlobal("localStorage", undefined);
    add(1);
    page.hide();
    expect(numbers()).toEqual([0]);
    await pass(0);
    expect(delivery._count()).toEqual({ sent: 1, waiting: 0, dropped: {} });
    expect(page.warnings).toEqual([]);
  });

  it("in an outage: what is kept already is not written again for each event", async () => {
    page.answers = [DOWN];
    add(1);
    delivery._flush();
    await pass(0);
    add(99);
    page.hide();
    const written = vi.fn();
    vi.stubGlobal("localStorage", new Proxy(storage, {
      set: (all, key, value) => (written(key), Reflect.set(all, key, value)),
    }));
    add(10);
    expect(written).toHaveBeenCalledTimes(10);
  });

  it("is no business of a client with another intake", async () => {
    add(1);
    leave();
    open("http://other.example/v1/events");
    await pass(5_000);
    expect(page.posts).toEqual([]);
    expect(Object.keys(storage)).toHaveLength(1);
  });
});

describe("closed", () => {
  it("drops what waits and what is under way, and removes what is kept", async () => {
    add(1);
    leave();
    open();
    page.answers = [{ status: 503 }];
    add(1);
    delivery._flush();
    add(1);
    delivery._setOpen(false);
    expect(delivery._count()).toEqual({ sent: 0, waiting: 0, dropped: { no_consent: 3 } });
    expect(storage).toEqual({});
    await pass(60_000);
    expect(page.posts).toHaveLength(1);
    expect(storage).toEqual({});
    expect(delivery._count().dropped).toEqual({ no_consent: 3 });
  });

  it("sends nothing that another page keeps, whoever asks", async () => {
    delivery._setOpen(false);
    storage[`allotment-kept ${URL} 1`] = '{"n":7}';
    delivery._flush();
    page.show();
    await pass(60_000);
    expect(page.posts).toEqual([]);
    delivery._setOpen(true);
    await pass(1_000);
    expect(numbers()).toEqual([7]);
  });
});
