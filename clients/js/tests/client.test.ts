import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createClient, DefaultIntegration, type Client, type Membership } from "../src/index.js";
import { endPage, newPage, type Page } from "./page.js";

const SCHEMA = "/analytics/product_metrics/web/base/1.3.0";
const NOBODY: Membership = {
  enrolled: [],
  assigned: {},
  subject_ids: {},
  sampling_units: {},
  coordinators: {},
  versions: {},
};
const IN_FOO: Membership = {
  enrolled: ["foo"],
  assigned: { foo: "treatment" },
  subject_ids: { foo: "ab12" },
  sampling_units: { foo: "mw-user" },
  coordinators: { foo: "default" },
  versions: { foo: "3" },
};
const metrics = (values: string[], more: object = {}): object => ({
  producers: { metrics_platform_client: { provide_values: values, ...more } },
});
const STREAMS = {
  "product_metrics.web_base": {
    stream: "product_metrics.web_base",
    schema_title: "analytics/product_metrics/web/base",
    ...metrics(["page_id", "page_title", "performer_is_logged_in"]),
  },
  "related-articles": {
    schema_title: "analytics/product_metrics/web/base",
    ...metrics(["page_namespace_id"], { stream_name: "product_metrics.web_base" }),
    sample: { unit: "pageview", rate: 1 },
  },
  raw: { schema_title: "test/event" },
};
let page: Page;
let client: Client;
let streams: unknown;
let membership: unknown;

/** The whole client on a page's variables; only the ids of the page view are chosen. */
class Fixed extends DefaultIntegration {
  pageview = "0123456789abcdef0123";
  override getStreamConfigs(): unknown {
    return streams;
  }
  override getContextAttributes() {
    const context = super.getContextAttributes();
    return {
      ...context,
      performer: { ...context.performer, pageview_id: this.pageview, session_id: "f".repeat(20) },
    };
  }
}

beforeEach(() => {
  page = newPage();
  streams = STREAMS;
  membership = NOBODY;
  vi.stubGlobal("allotmentConfig", {
    intakeUrl: "http://intake.example/v1/events",
    site: "demowiki",
    context: {
      page: { id: 7, title: "", namespace_id: 0, revision_id: null },
      performer: { is_logged_in: false },
    },
    experiments: { foo: { stream_name: "product_metrics.web_base", schema_id: "", contextual_attributes: ["mediawiki_database"] } },
  });
  vi.stubGlobal("allotmentUserExperiments", undefined);
  client = createClient(new Fixed());
});
afterEach(endPage);

const enroll = (found: unknown): void => {
  membership = found;
  vi.stubGlobal("allotmentUserExperiments", membership);
};
const sent = (): Record<string, any>[] => {
  client.flush();
  return page.events;
};

describe("submitInteraction", () => {
  it("makes the whole event", () => {
    enroll(IN_FOO);
    client.submitInteraction("product_metrics.web_base", SCHEMA, "click", { action_source: "s" });
    const [event] = sent();
    expect(event).toEqual({
      $schema: SCHEMA,
      action: "click",
      action_source: "s",
      dt: "2026-11-22T09:00:00.000Z",
      meta: {
        stream: "product_metrics.web_base",
        domain: "wiki.example",
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      },
      agent: { client_platform: "mediawiki_js", client_platform_family: "desktop_browser" },
      page: { id: 7, title: "" },
      performer: { is_logged_in: false },
      experiments: IN_FOO,
    });
  });

  it("lets data replace none of action, $schema, meta.stream, meta.domain, meta.id, dt, sample and membership", () => {
    client.submitInteraction("product_metrics.web_base", SCHEMA, "click", {
      action: "forged",
      $schema: "/forged/1.0.0",
      dt: "1999-01-01T00:00:00Z",
      meta: { stream: "forged", id: "forged", more: 1 },
      sample: { unit: "session", rate: 0.5 },
      experiments: { enrolled: ["forged"], assigned: { forged: "x" } },
    });
    const [event] = sent();
    expect(event).toMatchObject({ action: "click", $schema: SCHEMA, dt: "2026-11-22T09:00:00.000Z" });
    expect(event?.meta).toEqual({
      stream: "product_metrics.web_base",
      domain: "wiki.example",
      id: expect.not.stringMatching("forged"),
      more: 1,
    });
    expect(event).not.toHaveProperty("sample");
    expect(event).not.toHaveProperty("experiments");
  });

  it("leaves the caller's object alone, and takes it as it is at the call", () => {
    const data = { page: { id: 8 } };
    client.submitInteraction("product_metrics.web_base", SCHEMA, "click", data);
    expect(data).toEqual({ page: { id: 8 } });
    expect(sent()[0]?.page).toEqual({ id: 8, title: "" });
  });

  it.each([
    "", undefined as unknown as string,
  ])("drops an interaction whose action is %j, with a warning", (action) => {
    client.submitInteraction("product_metrics.web_base", SCHEMA, action);
    expect(sent()).toEqual([]);
    expect(page.warnings.join()).toMatch(/incomplete product_metrics.web_base/);
    expect(client.counters.dropped).toEqual({ incomplete: 1 });
  });

  it("counts an unknown stream, and warns once", () => {
    client.submitInteraction("nowhere", SCHEMA, "click");
    client.submitInteraction("nowhere", SCHEMA, "click");
    expect(sent()).toEqual([]);
    expect(client.counters.dropped).toEqual({ unknown_stream: 2 });
    expect(page.warnings).toHaveLength(1);
    expect(page.warnings[0]).toMatch(/unknown_stream nowhere/);
  });

  it("leaves out attributes that the page does not know", () => {
    streams = { s: metrics(["page_namespace", "page_id", "constructor_name"]) };
    client.submitInteraction("s", SCHEMA, "click");
    client.submitInteraction("s", SCHEMA, "click");
    const [, event] = sent();
    expect(event?.page).toEqual({ id: 7 });
    expect(event).not.toHaveProperty("constructor.name");
  });

  it("throws nothing into the page, whatever it is given", () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    client.submitInteraction("product_metrics.web_base", SCHEMA, "click", cycle);
    client.submitInteraction("product_metrics.web_base", SCHEMA, "click", { big: 1n });
    client.submitInteraction("product_metrics.web_base", SCHEMA, "click", null as never);
    client.submit("product_metrics.web_base", undefined as never);
    expect(sent()).toHaveLength(1);
    expect(client.counters.dropped).toEqual({ not_json: 2, incomplete: 1 });
  });
});

describe("submit", () => {
  it("fills in what a raw event needs, and nothing that its schema may not know", () => {
    enroll(IN_FOO);
    client.submit("raw", { $schema: "/test/event/1.0.0", test: 1, meta: { more: 1, stream: "x" } });
    expect(sent()[0]).toEqual({
      $schema: "/test/event/1.0.0",
      test: 1,
      dt: "2026-11-22T09:00:00.000Z",
      meta: { more: 1, stream: "raw", domain: "wiki.example", id: expect.any(String) },
    });
  });

  it("adds membership and attributes on a stream that is meant for this client", () => {
    enroll(IN_FOO);
    client.submit("product_metrics.web_base", { $schema: SCHEMA, action: "a" });
    expect(sent()[0]).toMatchObject({ action: "a", page: { id: 7 }, experiments: IN_FOO });
  });

  it("drops an event without $schema, with a warning", () => {
    client.submit("raw", { test: 1 });
    expect(sent()).toEqual([]);
    expect(page.warnings[0]).toMatch(/incomplete raw/);
  });
});

describe("instruments", () => {
  it("take stream, schema, sampling and attributes from their configuration", () => {
    client.getInstrument("related-articles").submitInteraction("show", { instrument_name: "forged" });
    client.getInstrument("related-articles").send("click");
    const [first, second] = sent();
    expect(first).toMatchObject({
      $schema: SCHEMA,
      action: "show",
      instrument_name: "related-articles",
      funnel_event_sequence_position: 1,
      meta: { stream: "product_metrics.web_base" },
      page: { namespace_id: 0 },
      sample: { unit: "pageview", rate: 1 },
    });
    expect(first?.page).not.toHaveProperty("id");
    expect(second).toMatchObject({ action: "click", funnel_event_sequence_position: 2 });
  });

  it("send attributes that one call asks for, too", () => {
    const instrument = client.getInstrument("related-articles");
    instrument.send("show", undefined, ["page_id"]);
    instrument.submitInteraction("click", {}, ["page_id", "page_unknown"]);
    instrument.send("hide", undefined, null as unknown as undefined);
    expect(sent().map(({ page }) => page)).toEqual([
      { id: 7, namespace_id: 0 },
      { id: 7, namespace_id: 0 },
      { namespace_id: 0 },
    ]);
    expect(sent()[0]?.sample).toEqual({ unit: "pageview", rate: 1 });
  });

  it("names the configured schema where there is one", () => {
    streams = { ...STREAMS, i: { ...STREAMS["related-articles"], schema_id: "/my/web/1.0.0" } };
    client.getInstrument("i").send("a");
    expect(sent()[0]?.$schema).toBe("/my/web/1.0.0");
  });

  it.each(["my/app", "/my/app"])("names the newest schema of another title: %s", (schema_title) => {
    streams = { ...STREAMS, i: { ...STREAMS["related-articles"], schema_title } };
    client.getInstrument("i").send("a");
    expect(sent()[0]?.$schema).toBe("/my/app/latest");
  });

  it("send nothing and start nothing out of the sample", () => {
    const sample = { unit: "pageview", rate: "0.004" };
    streams = { ...STREAMS, "related-articles": { ...STREAMS["related-articles"], sample } };
    const use = vi.fn();
    const instrument = client.getInstrument("related-articles").use(use);
    instrument.send("a");
    expect(instrument.isInSample()).toBe(false);
    expect(use).not.toHaveBeenCalled();
    expect(sent()).toEqual([]);
    expect(client.counters.dropped).toEqual({});
  });

  it.each([
    [{ unit: "pageview", rate: 0.0045 }, true],
    [{ unit: "session", rate: 1 }, true],
    [{ unit: "session", rate: 0.99 }, false],
    [{ unit: "device", rate: 1 }, false],
    [{ unit: "pageview", rate: 0 }, false],
    [{ unit: "pageview" }, false],
    [{ rate: 1 }, false],
    [{ unit: "pageview", rate: 1.5 }, false],
    [{ unit: "pageview", rate: " 1" }, false],
    ["all", false],
    [null, true],
  ])("with the sample %j: %j", (sample, said) => {
    streams = { ...STREAMS, i: { ...STREAMS["related-articles"], sample } };
    expect(client.isStreamInSample("i")).toBe(said);
    expect(client.isStreamInSample("unknown")).toBe(false);
    expect(client.isStreamInSample("raw")).toBe(true);
  });
});

describe("experiments", () => {
  it("know the group, and send on their stream with their attributes", () => {
    enroll(IN_FOO);
    const use = vi.fn();
    const foo = client.getExperiment("foo").use(use);
    foo.send("show");
    expect(client.getExperimentBucketValue("foo")).toBe("treatment");
    expect(foo.getAssignedGroup()).toBe("treatment");
    expect(foo.isAssignedGroup("control", "treatment")).toBe(true);
    expect(foo.isAssignedGroup("control")).toBe(false);
    expect(use).toHaveBeenCalledWith(foo);
    expect(sent()[0]).toMatchObject({
      action: "show",
      $schema: SCHEMA,
      experiments: IN_FOO,
      mediawiki: { database: "demowiki" },
      meta: { stream: "product_metrics.web_base" },
    });
  });

  it("send attributes that one call asks for, too", () => {
    enroll(IN_FOO);
    client.getExperiment("foo").send("show", {}, ["page_namespace_id"]);
    client.getExperiment("foo").submitInteraction("hide", {}, ["page_namespace_id"]);
    client.getExperiment("foo").send("more", {}, null as unknown as undefined);
    expect(sent().map(({ page }) => (page as { namespace_id?: number })?.namespace_id)).toEqual([0, 0, undefined]);
  });

  it("that the visitor is not in do nothing", () => {
    enroll(IN_FOO);
    const use = vi.fn();
    const bar = client.getExperiment("bar").use(use);
    bar.send("show");
    expect(bar.getAssignedGroup()).toBeNull();
    expect(bar.isAssignedGroup("control")).toBe(false);
    expect(client.getExperimentBucketValue("constructor")).toBeNull();
    expect(use).not.toHaveBeenCalled();
    expect(sent()).toEqual([]);
  });

  it("are read from maps that PHP wrote as empty lists", () => {
    enroll({ enrolled: [], assigned: [], subject_ids: [], coordinators: [], overrides: [] });
    expect(client.getCurrentUserExperiments()).toEqual(NOBODY);
    client.submitInteraction("product_metrics.web_base", SCHEMA, "click");
    expect(sent()[0]).not.toHaveProperty("experiments");
  });

  it("forced by the address win, are told apart, and are sent", () => {
    vi.stubGlobal("location", { hostname: "h", search: "?mpo=foo:control;new:b", protocol: "http:" });
    enroll(IN_FOO);
    client.getExperiment("foo").send("show");
    expect(sent()[0]?.experiments).toEqual({
      enrolled: ["foo", "new"],
      assigned: { foo: "control", new: "b" },
      subject_ids: { foo: "overridden", new: "overridden" },
      sampling_units: { foo: "mw-user" },
      coordinators: { foo: "forced", new: "forced" },
      versions: { foo: "3" },
    });
  });

  it("keep the page safe from an instrumentation that throws", () => {
    enroll(IN_FOO);
    client.getExperiment("foo").use(() => {
      throw new Error("broken");
    });
    expect(page.warnings[0]).toMatch(/broken/);
  });
});

describe("before the configuration is there", () => {
  it("keeps calls with their own moment, and starts what waits", async () => {
    let arrive: (found: unknown) => void = () => {};
    streams = new Promise((resolve) => {
      arrive = resolve;
    });
    const use = vi.fn();
    client.getInstrument("related-articles").use(use).send("first");
    await vi.advanceTimersByTimeAsync(5_000);
    client.submitInteraction("product_metrics.web_base", SCHEMA, "second");
    expect(client.isStreamInSample("product_metrics.web_base")).toBe(false);
    expect(use).not.toHaveBeenCalled();
    arrive(STREAMS);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(use).toHaveBeenCalledOnce();
    expect(page.events.map(({ action, dt }) => [action, dt])).toEqual([
      ["first", "2026-11-22T09:00:00.000Z"],
      ["second", "2026-11-22T09:00:05.000Z"],
    ]);
  });

  it("keeps at most 128 calls and drops the oldest, with a warning", async () => {
    streams = Promise.resolve(STREAMS);
    for (let n = 0; n < 130; n++) {
      client.submitInteraction("product_metrics.web_base", SCHEMA, `a${n}`);
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(page.events).toHaveLength(128);
    expect(page.events[0]?.action).toBe("a2");
    expect(client.counters.dropped).toEqual({ no_configuration: 2 });
    expect(page.warnings.join()).toMatch(/no_configuration/);
  });

  it("asks again after a failure", async () => {
    const integration = new DefaultIntegration({ registryOrigin: "http://registry.example" });
    client = createClient(integration);
    page.answers = [new TypeError("down"), { status: 500 }, { status: 200, body: {} }, { status: 200, body: { streams: STREAMS } }, { status: 201 }];
    client.submitInteraction("product_metrics.web_base", SCHEMA, "click");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(page.posts.slice(0, -1).map(({ url }) => url)).toEqual(
      Array(4).fill("http://registry.example/w/api.php?action=streamconfigs&format=json&site=demowiki"),
    );
    expect(page.events).toHaveLength(1);
  });

  it("goes on asking, in the end about once a minute, and loses no call by it", async () => {
    client = createClient(new DefaultIntegration({ registryOrigin: "http://registry.example" }));
    page.answers = [new TypeError("down")];
    client.submitInteraction("product_metrics.web_base", SCHEMA, "early");
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(page.posts.length).toBeLessThan(75);
    expect(client.counters.dropped).toEqual({});
    page.answers = [{ status: 200, body: { streams: STREAMS } }, { status: 201 }];
    await vi.advanceTimersByTimeAsync(90_000);
    expect(page.events.map(({ action }) => action)).toEqual(["early"]);
  });

  it("says so where the page brings none and names no registry, and takes them later", async () => {
    streams = undefined;
    client = createClient();
    client.submitInteraction("product_metrics.web_base", SCHEMA, "click");
    expect(page.warnings.join()).toMatch(/no allotmentConfig.streams, no registry/);
    Object.assign(window.allotmentConfig as object, { streams: STREAMS });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(page.events).toHaveLength(1);
  });

  it("is not waited for where the page brings it: the first answer is there at once", () => {
    vi.stubGlobal("allotmentUserExperiments", IN_FOO);
    vi.stubGlobal("allotmentConfig", { intakeUrl: "http://intake.example", streams: STREAMS });
    client = createClient();
    expect(client.getExperimentBucketValue("foo")).toBe("treatment");
    expect(client.isStreamInSample("product_metrics.web_base")).toBe(true);
    expect(page.posts).toEqual([]);
  });

  it("reads streams past an entry that cannot be used", () => {
    streams = { ...STREAMS, bad: 3, worse: null, list: ["x"], empty: [] };
    expect(client.isStreamInSample("product_metrics.web_base")).toBe(true);
    expect(client.isStreamInSample("empty")).toBe(true);
    expect(client.isStreamInSample("bad")).toBe(false);
    expect(client.isStreamInSample("list")).toBe(false);
  });
});

describe("ids", () => {
  it("sends nothing where cookies are disabled", () => {
    page.navigator.cookieEnabled = false;
    client.submitInteraction("product_metrics.web_base", SCHEMA, "click");
    expect(sent()).toEqual([]);
    expect(client.counters.dropped).toEqual({ cookies_disabled: 1 });
  });

  it("sets the session cookie when an id is asked for, and keeps a good one", () => {
    const context = new DefaultIntegration().getContextAttributes();
    expect(page.document.cookie).toBe("");
    const id = context.performer?.session_id;
    expect(id).toMatch(/^[0-9a-f]{20}$/);
    expect(page.document.cookie).toBe(`allotment-session=${id};Path=/;SameSite=Lax`);
    page.document.cookie = "a=b; allotment-session=0123456789abcdef0123";
    expect(context.performer?.session_id).toBe("0123456789abcdef0123");
    page.document.cookie = "allotment-session=forged";
    expect(context.performer?.session_id).toBe("0123456789abcdef0123");
  });

  it("gives one page view one id", () => {
    const [one, two] = [new DefaultIntegration(), new DefaultIntegration()].map(
      (integration) => integration.getContextAttributes().performer?.pageview_id,
    );
    expect(one).toMatch(/^[0-9a-f]{20}$/);
    expect(one).toBe(two);
  });
});
