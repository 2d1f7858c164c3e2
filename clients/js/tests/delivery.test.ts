import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Delivery } from "../src/delivery.js";
import { endPage, newPage, type Page } from "./page.js";

const URL = "http://intake.example/v1/events";
const SIGNED = `${URL}?sdk=js/${__VERSION__}`;
let page: Page;
let delivery: Delivery;
const warnings: string[] = [];

beforeEach(() => {
  page = newPage();
  warnings.length = 0;
  delivery = new Delivery(
    () => URL,
    (message) => warnings.push(message),
  );
});
afterEach(endPage);

const add = (count: number, extra: object = {}): void => {
  for (let n = 0; n < count; n++) delivery._add({ n, ...extra });
};
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe("sending", () => {
  it("waits a second and sends one array by beacon", () => {
    add(3);
    vi.advanceTimersByTime(999);
    expect(page.beacons).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(page.beacons).toEqual([
      { url: SIGNED, events: [{ n: 0 }, { n: 1 }, { n: 2 }], body: '[{"n":0},{"n":1},{"n":2}]' },
    ]);
    expect(delivery._counters).toEqual({ sent: 3, waiting: 0, dropped: {} });
  });

  it("adds itself to an address that has parameters", () => {
    const asked = new Delivery(
      () => `${URL}?hasty=true`,
      () => undefined,
    );
    asked._add({});
    asked._flush();
    expect(page.beacons.map(({ url }) => url)).toEqual([
      `${URL}?hasty=true&sdk=js/${__VERSION__}`,
    ]);
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
    expect(page.events).toEqual([{ n: 1 }]);
  });

  it("sends all when the page is hidden, and from then on at once", () => {
    add(1);
    page.hide();
    expect(page.events).toHaveLength(1);
    add(1);
    expect(page.events).toHaveLength(2);
  });

  it("sends all on pagehide, and waits again once the page is back", () => {
    add(1);
    page.window.dispatchEvent(new Event("pagehide"));
    expect(page.events).toHaveLength(1);
    page.window.dispatchEvent(new Event("pageshow"));
    add(1);
    expect(page.events).toHaveLength(1);
  });

  it("splits what is larger than 60 kB, counted in bytes of UTF-8", () => {
    add(4, { text: "é".repeat(10_000) });
    delivery._flush();
    expect(page.beacons.map(({ events }) => events.length)).toEqual([2, 2]);
    for (const { body } of page.beacons) {
      expect(new TextEncoder().encode(body).length).toBeLessThanOrEqual(60_000);
    }
  });

  it("fetches one event that is larger than a beacon may be, without keepalive", async () => {
    add(1, { text: "x".repeat(70_000) });
    delivery._flush();
    await settle();
    expect(page.beacons).toEqual([]);
    expect(page.posts[0]?.init.keepalive).toBe(false);
    expect(delivery._counters.sent).toBe(1);
  });

  it("counts as dropped what has no intake to go to", () => {
    const lost = new Delivery(
      () => null,
      (message) => warnings.push(message),
    );
    lost._add({});
    lost._flush();
    expect(lost._counters).toEqual({ sent: 0, waiting: 0, dropped: { no_intake: 1 } });
  });
});

describe("where the browser refuses the beacon", () => {
  beforeEach(() => {
    page.takesBeacons = false;
  });

  it("posts by fetch with keepalive, without a preflight", async () => {
    add(2);
    delivery._flush();
    expect(delivery._counters.waiting).toBe(2);
    await settle();
    expect(page.posts).toHaveLength(1);
    expect(page.posts[0]).toMatchObject({
      url: SIGNED,
      init: { method: "POST", keepalive: true, credentials: "omit" },
      events: [{ n: 0 }, { n: 1 }],
    });
    expect(delivery._counters).toEqual({ sent: 2, waiting: 0, dropped: {} });
  });

  it("does the same where the beacon throws", async () => {
    page.navigator.sendBeacon = () => {
      throw new TypeError("blocked");
    };
    add(1);
    delivery._flush();
    await settle();
    expect(delivery._counters.sent).toBe(1);
  });

  it.each([new TypeError("offline"), { status: 503 }, { status: 429 }, { status: 500 }])(
    "tries again after %j, later each time",
    async (failure) => {
      vi.spyOn(Math, "random").mockReturnValue(0.5); // the waits are then 1 s and 2 s
      page.answers = [failure, failure, { status: 201 }];
      add(1);
      delivery._flush();
      await settle();
      expect(delivery._counters).toEqual({ sent: 0, waiting: 1, dropped: {} });
      await vi.advanceTimersByTimeAsync(999);
      expect(page.posts).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(page.posts).toHaveLength(2);
      await vi.advanceTimersByTimeAsync(1_999);
      expect(page.posts).toHaveLength(2);
      await vi.advanceTimersByTimeAsync(1);
      expect(page.posts).toHaveLength(3);
      expect(delivery._counters).toEqual({ sent: 1, waiting: 0, dropped: {} });
    },
  );

  it("gives up after five attempts and counts the loss", async () => {
    page.answers = [new TypeError("offline")];
    add(2);
    delivery._flush();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(page.posts).toHaveLength(5);
    expect(delivery._counters).toEqual({ sent: 0, waiting: 0, dropped: { undeliverable: 2 } });
  });

  it("does not repeat what the intake refused", async () => {
    page.answers = [{ status: 400 }];
    add(2);
    delivery._flush();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(page.posts).toHaveLength(1);
    expect(delivery._counters.dropped).toEqual({ refused: 2 });
  });

  it("counts the events that the intake refused of a batch", async () => {
    page.answers = [{ status: 207, body: { invalid: [{}], error: [] } }];
    add(3);
    delivery._flush();
    await settle();
    expect(delivery._counters).toEqual({ sent: 2, waiting: 0, dropped: { refused: 1 } });
  });

  it("gives what waits for its next attempt to a beacon when the page is left", async () => {
    page.answers = [new TypeError("offline")];
    add(1);
    delivery._flush();
    await settle();
    page.takesBeacons = true;
    page.hide();
    expect(page.events).toEqual([{ n: 0 }]);
    expect(delivery._counters).toEqual({ sent: 1, waiting: 0, dropped: {} });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(page.events).toHaveLength(1);
  });
});
