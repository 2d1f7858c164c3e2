import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseEnrollments } from "../../src/enrollments.js";
import { parseOverrides, subjectHash } from "../../src/law.js";
import { Client, type ClientOptions } from "../../src/node/client.js";
import { keyedSubjectId } from "../../src/node/enrollment.js";
import { headHtml, pageVariables } from "../../src/node/page.js";
import { readVectors } from "../vectors.js";
import { EXPERIMENT, INSTRUMENT, Intake, Registry, SESSION, WEB_BASE, WEB_SCHEMA } from "./servers.js";
import subjectIdsText from "../../../../vectors/subject_ids.json?raw";

const NAME = EXPERIMENT.name;
let registry: Registry;
let intake: Intake;
let client: Client;
let warnings: string[];

async function begin(changes: Partial<ClientOptions> = {}): Promise<Client> {
  await client?.close(0);
  client = new Client({
    registryUrl: registry.origin,
    intakeUrl: intake.url,
    site: "demowiki",
    domain: "demo.example",
    ...changes,
  });
  await client.configuration.wait(5);
  return client;
}

async function sent(): Promise<Record<string, any>[]> {
  await client.delivery.flush();
  return intake.events;
}

beforeEach(async () => {
  warnings = [];
  vi.spyOn(console, "warn").mockImplementation((text) => void warnings.push(String(text)));
  registry = await new Registry().open();
  intake = await new Intake().open();
});

afterEach(async () => {
  await client.close(0);
  await Promise.all([registry.close(), intake.close()]);
  vi.restoreAllMocks();
});

describe("a visitor's experiments", () => {
  it("are enrolled at once, and stand on events", async () => {
    await begin();
    const visitor = client.visitor({ browserId: "b1", context: { page: { id: 7 } } });
    expect(visitor.wasEvaluated).toBe(false);
    const experiment = visitor.getExperiment(NAME);
    const group = experiment.getAssignedGroup();
    expect(["control", "card"]).toContain(group);
    expect(experiment.isAssignedGroup("x", group as string)).toBe(true);
    expect(experiment.isAssignedGroup("x")).toBe(false);
    expect(visitor.getExperimentsByPrefix("related").map(({ name }) => name)).toEqual([NAME]);
    const at = new Date("2026-11-22T09:30:00.123Z");
    expect(experiment.send("impression", { instrument_name: "forged", page: { id: 8 } }, { at })).toBe(true);
    const [event] = await sent();
    expect(event).toEqual({
      $schema: WEB_SCHEMA,
      action: "impression",
      agent: {},
      dt: "2026-11-22T09:30:00.123Z",
      experiments: {
        enrolled: [NAME],
        assigned: { [NAME]: group },
        subject_ids: { [NAME]: subjectHash("b1", NAME) },
        sampling_units: { [NAME]: "edge-unique" },
        coordinators: { [NAME]: "default" },
        versions: { [NAME]: "3" },
      },
      instrument_name: NAME,
      mediawiki: { database: "demowiki" },
      meta: { stream: WEB_BASE, domain: "demo.example", id: event?.meta.id },
      page: { id: 8 },
      performer: { is_logged_in: false },
    });
    expect(event?.meta.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("are those of the configuration at the visitor's begin", async () => {
    await begin();
    const visitor = client.visitor({ browserId: "b1" });
    registry.experiments = [];
    registry.version = 2;
    await client.configuration.refresh();
    expect(visitor.getExperimentBucketValue(NAME)).not.toBeNull();
    expect(client.visitor({ browserId: "b1" }).getExperimentBucketValue(NAME)).toBeNull();
  });

  it("are still known after the client is closed, which asks no more", async () => {
    await begin({ refreshSeconds: 0.01 });
    await client.close();
    await client.configuration.refresh(); // a round that was under way has ended
    const asked = registry.requests.length;
    const visitor = client.visitor({ browserId: "b1" });
    expect(visitor.getExperiment(NAME).send("click")).toBe(false);
    expect(visitor.getExperimentBucketValue(NAME)).not.toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(registry.requests.length).toBe(asked);
    expect(client.delivery.counts.dropped).toEqual({ closed: 1 });
  });

  it("follow forced groups, then the edge, then the law", async () => {
    const another = { ...EXPERIMENT, name: "by-account-too", user_identifier_type: "mw-user" };
    registry.experiments = [EXPERIMENT, another];
    await begin();
    const edge = parseEnrollments(`${NAME}=card;by-account-too=card;unknown-test=b`);
    const byEdge = client.visitor({ browserId: "b1", edge });
    expect(byEdge.getCurrentUserExperiments()).toMatchObject({
      assigned: { [NAME]: "card" },
      subject_ids: { [NAME]: "awaiting" },
      coordinators: { [NAME]: "default" },
      overrides: [],
    });
    const unknown = parseEnrollments(`${NAME}=unknown-group`);
    expect(client.visitor({ browserId: "b1", edge: unknown }).membership.enrolled).toEqual([]);
    const overrides = parseOverrides(`${NAME}:control;draft:b`);
    expect(client.visitor({ edge, overrides }).getCurrentUserExperiments()).toEqual({
      enrolled: [NAME, "draft"],
      assigned: { [NAME]: "control", draft: "b" },
      subject_ids: { [NAME]: "overridden", draft: "overridden" },
      sampling_units: { [NAME]: "edge-unique" },
      coordinators: { [NAME]: "forced", draft: "forced" },
      versions: { [NAME]: "3" },
      overrides: [NAME, "draft"],
    });
  });

  it("have keyed subject ids, and the same groups, where there is a key", async () => {
    const key = "sixteen bytes, é";
    await begin({ subjectKey: key });
    const visitor = client.visitor({ browserId: "b1" });
    const { subject_ids, assigned } = visitor.getCurrentUserExperiments();
    expect(subject_ids[NAME]).toBe(keyedSubjectId(key, "b1", NAME));
    await begin();
    expect(client.visitor({ browserId: "b1" }).getCurrentUserExperiments().assigned).toEqual(assigned);
    expect(() => new Client({ registryUrl: "http://x", intakeUrl: "http://x", site: "s", subjectKey: "" }))
      .toThrow(/subjectKey has 0 bytes; give a secret of at least 16/);
  });

  it("agree with all vectors of keyed subject ids", async () => {
    await begin();
    const { cases } = await readVectors<{
      cases: { key: string; subject: string; experiment: string; subject_id: string; plain: string }[];
    }>("subject_ids.json", subjectIdsText);
    expect(cases.length).toBeGreaterThan(10);
    for (const { key, subject, experiment, subject_id, plain } of cases) {
      expect(keyedSubjectId(Buffer.from(key, "hex"), subject, experiment)).toBe(subject_id);
      expect(subjectHash(subject, experiment)).toBe(plain);
    }
  });
});

describe("a visitor's events", () => {
  it("are numbered by instrument, and sampled by session", async () => {
    await begin();
    const visitor = client.visitor({ sessionId: SESSION, context: { page: { id: 7 } } });
    const clicks = visitor.getInstrument("clicks");
    expect(clicks.isInSample()).toBe(true);
    clicks.send("impression");
    clicks.send("click", { funnel_event_sequence_position: 9 });
    clicks.submitInteraction("click");
    const positions = (await sent()).map((event) => event.funnel_event_sequence_position);
    expect(positions).toEqual([1, 9, 2]);
    expect(intake.events[0]).toMatchObject({
      instrument_name: "clicks",
      page: { id: 7 },
      sample: { unit: "session", rate: 1 },
    });
    expect(client.visitor().getInstrument("clicks").send("click")).toBe(false);
    await begin({ site: "quietwiki" });
    expect(client.visitor({ sessionId: SESSION }).getInstrument("clicks").isInSample()).toBe(false);
  });

  it("that a site made itself are completed, and enriched on streams for client libraries", async () => {
    await begin();
    const visitor = client.visitor({ browserId: "b1" });
    const event = { $schema: "/own/1.0.0", dt: "x", meta: { stream: "x", request_id: "r" }, own: 1 };
    expect(visitor.submit("raw", { ...event, experiments: { enrolled: [] } })).toBe(true);
    expect(visitor.submit(WEB_BASE, { ...event, experiments: { enrolled: ["forged"] } })).toBe(true);
    expect(visitor.submit(WEB_BASE, { own: 1 })).toBe(false);
    const [raw, metrics] = await sent();
    expect(raw).toEqual({
      $schema: "/own/1.0.0",
      dt: expect.stringMatching(/^2\d{3}-.*Z$/),
      experiments: { enrolled: [] },
      meta: { stream: "raw", domain: "demo.example", request_id: "r", id: raw?.meta.id },
      own: 1,
    });
    expect(metrics?.experiments.enrolled).toEqual([NAME]);
    expect(metrics?.mediawiki).toEqual({ database: "demowiki" });
  });

  it("have the action click and the web schema by submitClick", async () => {
    await begin();
    client.visitor({ sessionId: SESSION }).submitClick("clicks", { element_id: "x" });
    expect((await sent())[0]).toMatchObject({
      $schema: WEB_SCHEMA,
      action: "click",
      element_id: "x",
      meta: { stream: WEB_BASE },
      sample: { unit: "session", rate: 1 },
    });
  });

  it("that are not sent are counted by reason, and mistakes told once", async () => {
    registry.experiments = [EXPERIMENT, { ...EXPERIMENT, name: "astray", stream_name: "nowhere" }];
    await begin();
    const visitor = client.visitor({ browserId: "b1", overrides: new Map([["draft", "b"]]) });
    for (let round = 0; round < 2; round++) {
      visitor.submitInteraction("nowhere", WEB_SCHEMA, "click");
      visitor.submitInteraction(WEB_BASE, WEB_SCHEMA, "");
      visitor.submitInteraction("clicks", WEB_SCHEMA, "click");
      visitor.getExperiment("unknown").send("click");
      visitor.getExperiment("astray").send("click");
      visitor.getInstrument("unknown").send("click");
    }
    expect(client.refused).toEqual({
      unknown_stream: 4,
      no_action: 2,
      not_sampled: 2,
      not_enrolled: 2,
      unknown_instrument: 2,
    });
    expect(warnings).toHaveLength(4);
    expect(visitor.getExperiment("draft").send("click")).toBe(true);
  });

  it("say once in a request that the group was met", async () => {
    await begin();
    const visitor = client.visitor({ browserId: "b1" });
    expect(visitor.getExperiment(NAME).sendExposure()).toBe(true);
    expect(visitor.getExperiment(NAME).sendExposure()).toBe(false);
    expect(client.visitor({ browserId: "b1" }).getExperiment(NAME).sendExposure()).toBe(true);
    expect((await sent()).map(({ action }) => action)).toEqual(Array(2).fill("experiment_exposure"));
    expect(client.refused).toEqual({ already_exposed: 1 });
  });

  it("that were not queued leave the group untold", async () => {
    await begin({ queueCapacity: 0 });
    const experiment = client.visitor({ browserId: "b1" }).getExperiment(NAME);
    expect([experiment.sendExposure(), experiment.sendExposure()]).toEqual([false, false]);
    expect(client.refused).toEqual({});
    expect(client.delivery.counts.dropped).toEqual({ queue_full: 2 });
  });

  it("are described for a health page", async () => {
    await begin();
    client.visitor({ browserId: "b1" }).getExperiment(NAME).send("click");
    await sent();
    expect(client.describe()).toEqual({
      configuration: { version: 1, age_seconds: expect.any(Number), problems: [] },
      delivery: { sent: 1, accepted: 1, rejected: 0, dropped: {}, pending: 0, last_problem: "" },
      refused: {},
      subject_ids: "plain",
    });
  });
});

describe("a page", () => {
  it("gets what the browser's client reads, and nothing of the server's own", async () => {
    await begin({ browserIntakeUrl: "https://intake.example/v1/events" });
    const context = { page: { title: "</script><!--\u2028" }, agent: {} };
    const visitor = client.visitor({ browserId: "b1", sessionId: SESSION, context });
    const { allotmentConfig } = pageVariables(client, visitor) as { allotmentConfig: any };
    expect(allotmentConfig.intakeUrl).toBe("https://intake.example/v1/events");
    expect(allotmentConfig.context.performer).toEqual({ is_logged_in: false });
    expect(allotmentConfig.experiments[NAME]).toMatchObject({
      stream_name: WEB_BASE,
      schema_id: WEB_SCHEMA,
      contextual_attributes: ["performer_is_logged_in"],
    });
    const html = headHtml(client, visitor, { scriptUrl: "/a.js?a&b", nonce: '"n' });
    expect(html.match(/<\/script>/g)).toHaveLength(2);
    expect(html).not.toContain("<!--");
    expect(html).not.toContain("\u2028");
    expect(html).toContain('<script src="/a.js?a&#38;b" nonce="&#34;n" defer></script>');
    const script = /<script nonce="&#34;n">(.*)<\/script>/.exec(html)?.[1] as string;
    const window: Record<string, any> = {};
    new Function("window", script)(window);
    expect(window.allotmentConfig).toEqual(allotmentConfig);
    expect(window.allotmentUserExperiments).toEqual(visitor.getCurrentUserExperiments());
  });
});

it("the instrument of the stand-in has its own schema", async () => {
  registry.instruments = [{ ...INSTRUMENT, schema_id: "/own/2.0.0", sample_unit: "pageview" }];
  await begin();
  client.visitor().getInstrument("clicks").send("click");
  expect((await sent())[0]?.$schema).toBe("/own/2.0.0");
});
