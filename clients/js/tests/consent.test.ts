import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createClient, type Client } from "../src/index.js";
import { endPage, newPage, type Page } from "./page.js";

const STREAM = "product_metrics.web_base";
const streamOf = (more: object): object => ({
  producers: { metrics_platform_client: { provide_values: ["performer_session_id"] } },
  ...more,
});
let page: Page;
let client: Client;

class Storage {
  readonly items = new Map<string, string>();
  getItem = (key: string): string | null => this.items.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.items.set(key, value);
  removeItem = (key: string): void => void this.items.delete(key);
}
let local: Storage;
let session: Storage;

function open(config: object = {}, version = "3"): void {
  page = newPage();
  vi.stubGlobal("localStorage", local);
  vi.stubGlobal("sessionStorage", session);
  vi.stubGlobal("allotmentConfig", {
    intakeUrl: "http://intake.example/v1/events",
    streams: {
      [STREAM]: streamOf({ sample: { unit: "session", rate: 1 } }),
      none: streamOf({ sample: { unit: "session", rate: 0 } }),
    },
    experiments: { quiet: { stream_name: "none" } },
    ...config,
  });
  vi.stubGlobal("allotmentUserExperiments", {
    assigned: { "a-one": "treatment", "a-two": "control", quiet: "b" },
    subject_ids: { "a-one": "ab12" },
    versions: { "a-one": version },
  });
  client = createClient();
}

beforeEach(() => {
  local = new Storage();
  session = new Storage();
  open();
});
afterEach(endPage);

const sent = (): string[] => {
  client.flush();
  return page.events.map(({ action }) => action);
};

describe("consent", () => {
  it("withdrawn: what waits is dropped, nothing is sent or stored", () => {
    client.submitClick(STREAM);
    client.setConsent(false);
    page.document.cookie = "";
    client.submitClick(STREAM);
    client.getExperiment("a-one").sendExposure();
    expect(client.isStreamInSample(STREAM)).toBe(false);
    expect(sent()).toEqual([]);
    expect(client.counters).toEqual({ sent: 0, waiting: 0, dropped: { no_consent: 2 } });
    expect([page.document.cookie, local.items.size, session.items.size]).toEqual(["", 0, 0]);
  });

  it("missing to begin with: what was used starts once it is given", () => {
    open({ consent: false });
    const start = vi.fn();
    client.getInstrument(STREAM).use(start);
    client.getExperiment("a-one").use(start);
    expect(start).not.toHaveBeenCalled();
    client.setConsent(true);
    expect(start).toHaveBeenCalledTimes(2);
    client.submitClick(STREAM);
    expect(sent()).toEqual(["click"]);
  });

  it("given again: events wait a second as before", () => {
    client.submitClick(STREAM);
    client.setConsent(false);
    client.setConsent(true);
    client.submitClick(STREAM);
    vi.advanceTimersByTime(1_000);
    expect(client.counters).toEqual({ sent: 1, waiting: 0, dropped: { no_consent: 1 } });
  });

  it("withdrawn while the configuration is fetched: the call is dropped then", async () => {
    open({ streams: Promise.resolve({ [STREAM]: streamOf({}) }) });
    client.submitClick(STREAM);
    client.setConsent(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.counters.dropped).toEqual({ no_consent: 1 });
    expect(page.document.cookie).toBe("");
  });

  it("withdrawn while a request is under way: it is not repeated", async () => {
    page.takesBeacons = false;
    page.answers = [{ status: 503 }];
    client.submitClick(STREAM);
    client.flush();
    client.setConsent(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(page.posts).toHaveLength(1);
    expect(client.counters).toEqual({ sent: 0, waiting: 0, dropped: { no_consent: 1 } });
    expect(local.items.size).toBe(0);
  });
});

describe("what cannot be sent", () => {
  beforeEach(() => {
    page.takesBeacons = false;
    page.answers = [new TypeError("down")];
  });

  it("is kept for the next page, with its id, and sent once", async () => {
    client.submitClick(STREAM);
    client.flush();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(page.posts).toHaveLength(5);
    expect(client.counters).toEqual({ sent: 0, waiting: 1, dropped: {} });
    const id = page.posts[0]?.events[0]?.meta.id;
    open();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(page.events.map(({ meta }) => meta.id)).toEqual([id]);
    expect(client.counters).toEqual({ sent: 1, waiting: 0, dropped: {} });
    open();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(page.events).toEqual([]);
  });

  it("is kept when the page is left between two attempts, and waits again when it is back", async () => {
    client.submitClick(STREAM);
    client.flush();
    await vi.advanceTimersByTimeAsync(0);
    page.takesBeacons = true;
    page.hide();
    expect([page.events.length, local.items.size, client.counters.waiting]).toEqual([0, 1, 1]);
    page.answers = [{ status: 201 }];
    page.document.visibilityState = "visible";
    page.document.dispatchEvent(new Event("visibilitychange"));
    expect([local.items.size, client.counters.waiting]).toEqual([0, 1]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.counters).toEqual({ sent: 1, waiting: 0, dropped: {} });
  });

  it("is kept up to 200 events, the oldest give way", () => {
    vi.stubGlobal("navigator", Object.assign(page.navigator, { onLine: false }));
    page.hide();
    for (let n = 0; n < 203; n++) client.submitInteraction(STREAM, "/s/1.0.0", `a${n}`);
    expect(client.counters).toEqual({ sent: 0, waiting: 200, dropped: { queue_full: 3 } });
    const [texts] = [...local.items.values()];
    expect(JSON.parse(JSON.parse(texts as string)[0]).action).toBe("a3");
  });

  it("is removed with the consent", async () => {
    client.submitClick(STREAM);
    client.flush();
    await vi.advanceTimersByTimeAsync(60_000);
    client.setConsent(false);
    expect(client.counters).toEqual({ sent: 0, waiting: 0, dropped: { no_consent: 1 } });
    expect(local.items.size).toBe(0);
  });

  it("damaged by somebody: nothing breaks", () => {
    local.items.set("allotment-kept:http://intake.example/v1/events", "{");
    open();
    expect(page.warnings).toEqual([]);
  });
});

describe("sendExposure", () => {
  const expose = (): number => {
    client.getExperiment("a-one").sendExposure();
    return sent().length;
  };

  it("once a page, and once in five minutes of a session", () => {
    expect([expose(), expose()]).toEqual([1, 1]);
    expect(page.events[0]).toMatchObject({
      action: "experiment_exposure",
      instrument_name: "a-one",
    });
    open();
    expect(expose()).toBe(0);
    open();
    vi.setSystemTime(Date.now() + 5 * 60_000);
    expect(expose()).toBe(1);
  });

  it("after ten in a session: once a day", () => {
    let at = Date.now();
    for (let n = 0; n < 11; n++) {
      open();
      vi.setSystemTime((at += 300_000));
      expect(expose()).toBe(1);
    }
    open();
    vi.setSystemTime(at + 86_399_999);
    expect(expose()).toBe(0);
    vi.setSystemTime(at + 86_400_000);
    expect(expose()).toBe(1);
  });

  it("again for another version of the experiment, and after a reset", () => {
    expect(expose()).toBe(1);
    open({}, "4");
    expect(expose()).toBe(1);
    open({ exposureReset: Date.now() / 1_000 });
    expect(expose()).toBe(0);
    open({ exposureReset: Date.now() / 1_000 + 1 });
    expect(expose()).toBe(1);
  });

  it("not where the visitor is not in it, and without storage still once a page", () => {
    vi.stubGlobal("sessionStorage", undefined);
    client.getExperiment("other").sendExposure();
    expect([expose(), expose()]).toEqual([1, 1]);
    expect(page.warnings).toEqual([]);
  });
});

describe("calls", () => {
  it("submitClick sends a click of the web base schema", () => {
    client.submitClick(STREAM, { action: "x", action_source: "s" });
    sent();
    expect(page.events[0]).toMatchObject({
      action: "click",
      action_source: "s",
      $schema: "/analytics/product_metrics/web/base/1.3.0",
    });
  });

  it("getExperimentsByPrefix gives those that the visitor is in", () => {
    const names = (prefix: string): string[] =>
      client.getExperimentsByPrefix(prefix).map(({ name }) => name);
    expect([names("a-"), names("b")]).toEqual([["a-one", "a-two"], []]);
  });

  it("an experiment is not thinned by the sample of its stream", () => {
    client.submitClick("none");
    client.getExperiment("quiet").send("show");
    expect(sent()).toEqual(["show"]);
    expect(page.events[0]).not.toHaveProperty("sample");
  });

  it("ignores an override that is longer than 2,048 characters", () => {
    const mpo = (length: number): string | null => {
      const search = `?mpo=${"x".repeat(length - 4)};e:g`;
      vi.stubGlobal("location", { hostname: "h", search, protocol: "http:" });
      return client.getExperimentBucketValue("e");
    };
    expect([mpo(2_048), mpo(2_049)]).toEqual(["g", null]);
  });
});
