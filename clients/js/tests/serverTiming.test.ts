import { afterEach, describe, expect, it, vi } from "vitest";
import type { Integration } from "../src/integration.js";
import { withServerTiming } from "../src/serverTiming.js";

// A name each, since what a page has read it keeps.
let count = 0;

function answered(description: string | null): string {
  const name = `edge-${++count}`;
  const serverTiming = description === null ? [] : [{ name, description }];
  vi.spyOn(performance, "getEntriesByType").mockImplementation(
    () => [{ serverTiming: [{ name: "cache", description: "hit" }, ...serverTiming] }] as never,
  );
  return name;
}

function page(record: object = {}, experiments: Record<string, object> = {}): Integration {
  return {
    getCurrentUserExperiments: () => record,
    getExperimentConfig: (name: string) => experiments[name],
    getHostname() {
      return this === undefined ? "lost" : "wiki.example";
    },
  } as unknown as Integration;
}

afterEach(() => vi.restoreAllMocks());

/** In Chromium with a real header: `tests/clients/test_browser_headers.py`. */
describe("groups by Server-Timing", () => {
  it("join those of the page, and win over them", () => {
    const entry = answered("first-test=b;second-test=c;");
    const record = {
      assigned: { "own-test": "a", "second-test": "control" },
      subject_ids: { "second-test": "x" },
      versions: { "second-test": "1", "own-test": "2" },
    };
    const found = withServerTiming(page(record, { "first-test": { version: "9" } }), { entry });
    expect(found.getCurrentUserExperiments()).toEqual({
      enrolled: ["own-test", "second-test", "first-test"],
      assigned: { "own-test": "a", "second-test": "c", "first-test": "b" },
      subject_ids: { "second-test": "awaiting", "first-test": "awaiting" },
      sampling_units: { "second-test": "edge-unique", "first-test": "edge-unique" },
      coordinators: { "second-test": "default", "first-test": "default" },
      versions: { "own-test": "2", "first-test": "9" },
    });
    expect(found.getHostname()).toBe("wiki.example");
  });

  it("do not move whom the address forces, nor bring unknown groups", () => {
    const entry = answered("first-test=b;second-test=c");
    const record = { assigned: { "first-test": "a" }, coordinators: { "first-test": "forced" } };
    const experiments = { "second-test": { groups: ["control", "d"] } };
    const found = withServerTiming(page(record, experiments), { entry }).getCurrentUserExperiments();
    expect(found.assigned).toEqual({ "first-test": "a" });
  });

  it("are looked for until they are there", () => {
    const entry = answered(null);
    const found = withServerTiming(page(), { entry });
    expect(found.getCurrentUserExperiments().enrolled).toEqual([]);
    vi.spyOn(performance, "getEntriesByType").mockImplementation(
      () => [{ serverTiming: [{ name: entry, description: "first-test=b" }] }] as never,
    );
    expect(found.getCurrentUserExperiments().enrolled).toEqual(["first-test"]);
  });

  it("are none where the browser tells no timing", () => {
    vi.spyOn(performance, "getEntriesByType").mockImplementation(() => []);
    expect(withServerTiming(page()).getCurrentUserExperiments().enrolled).toEqual([]);
  });
});
