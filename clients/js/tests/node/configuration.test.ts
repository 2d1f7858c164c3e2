import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConfigurationSource } from "../../src/node/configuration.js";
import { EXPERIMENT, INSTRUMENT, Registry, until } from "./servers.js";

let registry: Registry;
let folder: string;
let opened: ConfigurationSource[];

function source(changes: object = {}): ConfigurationSource {
  const made = new ConfigurationSource({
    registryUrl: registry.origin,
    site: "demowiki",
    cacheFile: null,
    refreshSeconds: 0.02,
    timeoutSeconds: 1,
    ...changes,
  });
  opened.push(made);
  return made;
}

beforeEach(async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  registry = await new Registry().open();
  folder = mkdtempSync(join(tmpdir(), "allotment-"));
  opened = [];
});

afterEach(async () => {
  for (const one of opened) one.close();
  await registry.close();
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
});

describe("what the registry says", () => {
  it("is held, all three answers, with age and version", async () => {
    const found = source();
    expect(found.current().experiments.size).toBe(0);
    expect(found.ageSeconds).toBeNull();
    await found.refresh();
    const { experiments, instruments, streams } = found.current();
    expect([...experiments.keys()]).toEqual([EXPERIMENT.name]);
    expect(instruments.get("clicks")?.sampleRate.sites.get("quietwiki")).toBe(0);
    expect(streams.size).toBe(3);
    expect(found.ageSeconds).toBeLessThan(5);
    expect([found.version, found.problems]).toEqual([1, []]);
    expect(registry.requests[2]?.url).toBe(
      "/w/api.php?action=streamconfigs&format=json&site=demowiki",
    );
  });

  it("is asked for by etag, and kept when it is as before", async () => {
    const found = source();
    await found.refresh();
    const before = found.current();
    await found.refresh();
    expect(registry.statuses).toEqual([200, 200, 200, 304, 304, 304]);
    expect(found.current()).toBe(before);
    const later = Date.now() + 100_000;
    vi.spyOn(Date, "now").mockImplementation(() => later);
    expect(found.ageSeconds).toBeGreaterThan(90);
    await found.refresh();
    expect(found.ageSeconds, "it was confirmed").toBeLessThan(5);
  });

  it("is followed when it changes, and the changed experiments are told", async () => {
    const told: (readonly string[])[] = [];
    const found = source();
    found.watch((changed) => told.push(changed));
    found.start();
    await until(() => found.current().experiments.size === 1);
    registry.experiments = [EXPERIMENT, { ...EXPERIMENT, name: "another" }];
    registry.version = 2;
    await until(() => found.current().experiments.size === 2);
    expect(told).toEqual([[EXPERIMENT.name], ["another"]]);
  });

  it("loses one bad item only, and names it", async () => {
    registry.experiments = [
      EXPERIMENT,
      ...[
        { groups: [] },
        { groups: ["a", "a"] },
        { weights: [1] },
        { sample_rate: { default: 2 } },
        { sample_rate: { default: 1, "3": ["other"] } },
        { start: "soon" },
        { end: "soon", start: "2090-01-01" },
        { targeting: { page_id: { is: 1 } }, start: "2090-01-01" },
        { layer: { name: "l", begin: 2, end: 1 }, targeting: { page_id: { equals: 1 } } },
        { holdouts: [{ name: "h", begin: 0, end: 2 ** 24 }, { name: "", begin: 0, end: 1 }] },
        { holdouts: "h" },
        { name: "" },
        { version: [] },
        { stream_name: 7 },
        { contextual_attributes: [""] },
      ].map((changes) => ({ ...EXPERIMENT, name: "bad", ...changes })),
      "text",
    ];
    registry.instruments = [INSTRUMENT, { ...INSTRUMENT, stream_name: "" }, { name: 7 }];
    registry.streams = { good: {}, bad: [] };
    const found = source();
    await found.refresh();
    expect([...found.current().experiments.keys()]).toEqual([EXPERIMENT.name]);
    expect([...found.current().streams.keys()]).toEqual(["good"]);
    expect(found.problems).toHaveLength(19);
    expect(found.problems[0]).toBe(
      "experiments: bad: 'groups' is []; give 1 to 10 texts, each once",
    );
  });
});

describe("a registry that fails", () => {
  it.each([
    ["a status", { status: 500 }],
    ["no JSON", { raw: "<html>" }],
    ["another form", { raw: '{"detail": "?"}' }],
    ["bad items alone", { raw: '[{"name": "x"}]' }],
    ["emptiness that nobody signs", { experiments: [], instruments: [], streams: {}, version: null }],
    ["emptiness that is older", { experiments: [], instruments: [], streams: {}, version: 0 }],
  ])("changes nothing by %s", async (_, changes) => {
    const found = source();
    await found.refresh();
    const before = found.current();
    Object.assign(registry, changes);
    await found.refresh();
    expect(found.current()).toBe(before);
    expect(found.problems).toHaveLength(3);
    Object.assign(registry, { status: 200, raw: null });
  });

  it("is believed when it signs that there is nothing", async () => {
    const found = source();
    await found.refresh();
    Object.assign(registry, { experiments: [], instruments: [], streams: {}, version: 2 });
    await found.refresh();
    expect(found.current().experiments.size).toBe(0);
    expect(found.problems).toEqual([]);
  });

  it.each([
    ["related-articles-card,clicks", true],
    ["*", true],
    ["other", false],
  ])("that leaves out %s: what it names stays (%s)", async (leftOut, stays) => {
    const found = source();
    await found.refresh();
    const other = { ...EXPERIMENT, name: "other" };
    Object.assign(registry, { experiments: [other], streams: { raw: {} }, leftOut, version: 2 });
    await found.refresh();
    const names = [...found.current().experiments.keys()];
    expect(names).toEqual(stays ? ["other", EXPERIMENT.name] : ["other"]);
    expect(found.current().streams.has("clicks")).toBe(stays);
  });

  it("that hangs is given up, and another is not followed to", async () => {
    const found = source({ timeoutSeconds: 0.05 });
    registry.delayMs = 300;
    await found.refresh();
    expect(found.problems[0]).toMatch(/^http:.*timeout|^http:.*aborted/);
    Object.assign(registry, { delayMs: 0, status: 302 });
    await found.refresh();
    expect(found.problems[0]).toBe("experiments: the registry answered with status 302");
  });

  it("that is not there: whoever waits is told in time", async () => {
    await registry.close();
    const found = source();
    expect(await found.wait(5)).toBe(true);
    expect(found.ageSeconds).toBeNull();
    expect(found.problems[0]).toMatch(/ECONNREFUSED/);
    registry = await new Registry().open();
    const slow = source();
    registry.delayMs = 200;
    expect(await slow.wait(0.02)).toBe(false);
  });

  it.each(["", "example.org", "ftp://example.org", "http://"])("at %j is told at once", (url) => {
    expect(() => source({ registryUrl: url })).toThrow(/is no address; give one such as http:/);
  });
});

describe("the copy on disk", () => {
  const file = (): string => join(folder, "made", "allotment.json");

  it("is read before the network, and leaves no other file", async () => {
    await source({ cacheFile: file() }).refresh();
    await registry.close();
    const found = source({ cacheFile: file() });
    expect(found.current().experiments.size).toBe(1);
    expect([found.version, found.problems]).toEqual([1, []]);
    await found.refresh();
    expect(found.current().experiments.size).toBe(1);
    expect(found.problems).toHaveLength(3);
    expect(readdirSync(join(folder, "made"))).toEqual(["allotment.json"]);
  });

  it("of another site is not used", async () => {
    await source({ cacheFile: file() }).refresh();
    expect(source({ cacheFile: file(), site: "other" }).current().experiments.size).toBe(0);
  });

  it.each(["", "{}", "[]", '{"format": 1, "site": "demowiki", "held": {"streams": {"body": 1}}}'])(
    "that is damaged (%j) is mended",
    async (text) => {
      await source({ cacheFile: file() }).refresh();
      const good = readFileSync(file(), "utf8");
      writeFileSync(file(), text);
      const found = source({ cacheFile: file() });
      expect(found.current().experiments.size).toBe(0);
      await found.refresh();
      expect(found.problems).toEqual([]);
      expect(Object.keys(JSON.parse(readFileSync(file(), "utf8")))).toEqual(
        Object.keys(JSON.parse(good)),
      );
    },
  );

  it("that cannot be written is a problem, and no failure", async () => {
    writeFileSync(join(folder, "made"), "");
    const found = source({ cacheFile: file() });
    await found.refresh();
    expect(found.current().experiments.size).toBe(1);
    expect(found.problems.join()).toMatch(/the copy in .* cannot be written/);
    expect(existsSync(file())).toBe(false);
  });
});
