import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createClient, type Client } from "../src/index.js";
import { endPage, newPage, newStorage, type Page } from "./page.js";

const STREAM = "product_metrics.web_base";
const streamOf = (more: object): object => ({
  producers: { metrics_platform_client: { provide_values: ["performer_session_id"] } },
  ...more,
});
let page: Page;
let client: Client;

let local: Record<string, string>;
let session: Record<string, string>;

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
  local = newStorage();
  session = newStorage();
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
    expect([page.document.cookie, local, session]).toEqual(["", {}, {}]);
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

  it("given again: events wait a second as before", async () => {
    client.submitClick(STREAM);
    client.setConsent(false);
    client.setConsent(true);
    client.submitClick(STREAM);
    await vi.advanceTimersByTimeAsync(1_000);
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
    page.answers = [{ status: 503 }];
    client.submitClick(STREAM);
    client.flush();
    client.setConsent(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(page.posts).toHaveLength(1);
    expect(client.counters).toEqual({ sent: 0, waiting: 0, dropped: { no_consent: 1 } });
    expect(local).toEqual({});
  });
});

describe("what cannot be sent", () => {
  it("is kept for the next page, with its id, and sent once", async () => {
    page.answers = [new TypeError("down")];
    client.submitClick(STREAM);
    client.flush();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(client.counters).toEqual({ sent: 0, waiting: 1, dropped: {} });
    const id = page.posts[0]?.events[0]?.meta.id;
    page.hide();
    open();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(page.events.map(({ meta }) => meta.id)).toEqual([id]);
    expect(client.counters).toEqual({ sent: 1, waiting: 0, dropped: {} });
    open();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(page.events).toEqual([]);
  });

  it("is removed with the consent", async () => {
    page.answers = [new TypeError("down")];
    client.submitClick(STREAM);
    client.flush();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(Object.keys(local)).toHaveLength(1);
    client.setConsent(false);
    expect(client.counters).toEqual({ sent: 0, waiting: 0, dropped: { no_consent: 1 } });
    expect(local).toEqual({});
  });

  it("damaged by somebody: nothing breaks, and the site's own entries stay", async () => {
    Object.assign(local, { "allotment-kept http://intake.example/v1/events 1": "1{", own: "1" });
    open();
    client.submitClick(STREAM);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(page.events).toHaveLength(1);
    expect(local).toEqual({ own: "1" });
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
