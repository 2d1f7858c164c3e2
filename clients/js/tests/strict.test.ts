import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Integration } from "../src/integration.js";
import { checkAttributes, KINDS } from "../src/strict.js";

let warnings: string[];
beforeEach(() => {
  warnings = [];
  vi.spyOn(console, "warn").mockImplementation((text) => void warnings.push(String(text)));
});
afterEach(() => vi.restoreAllMocks());

function page(values: string[], context: object, changes: object = {}): Integration {
  const streams = {
    web: { producers: { metrics_platform_client: { provide_values: values } } },
    other: [],
  };
  return {
    getStreamConfigs: async () => streams,
    getContextAttributes: () => context,
    getCurrentUserExperiments: () => ({ enrolled: [] }),
    ...changes,
  } as unknown as Integration;
}

describe("the check of attributes", () => {
  it("says nothing where all that is asked for is there", async () => {
    const context = { page: { id: 7, is_redirect: false, own: "x" }, performer: { groups: [] } };
    const values = ["page_id", "page_is_redirect", "performer_groups", "page_own"];
    expect(await checkAttributes(page(values, context))).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it("tells what is of the wrong kind, missing or unknown, and who asks", async () => {
    const context = { page: { id: "7", title: "" }, performer: { groups: "user" } };
    const values = ["page_id", "page_title", "performer_groups", "mediawiki_skin", "page_namespace"];
    const found = await checkAttributes(
      page(values, context, {
        getCurrentUserExperiments: () => ({ enrolled: ["foo"] }),
        getExperimentConfig: () => ({ contextual_attributes: ["page_id"] }),
      }),
    );
    expect(found.map(({ attribute }) => attribute)).toEqual([
      "page_id",
      "performer_groups",
      "mediawiki_skin",
      "page_namespace",
    ]);
    expect(warnings).toEqual([
      '[allotment] page_id is "7", and must be an integer: the schema refuses such events; asked for by web, foo',
      '[allotment] performer_groups is "user", and must be an array: the schema refuses such events; asked for by web',
      "[allotment] mediawiki_skin is not given by this page: events go without it; asked for by web",
      "[allotment] page_namespace is no attribute that clients know, nor does this page give it; asked for by web",
    ]);
  });

  it("does not miss an account where nobody is logged in", async () => {
    const performer = { is_logged_in: false };
    expect(await checkAttributes(page(["performer_id"], { performer }))).toEqual([]);
    performer.is_logged_in = true;
    expect(await checkAttributes(page(["performer_id"], { performer }))).toHaveLength(1);
  });

  it("knows the attributes of the registry's check, each of its kind", () => {
    const file = new URL("../../../src/allotment/contract/check/platforms.py", import.meta.url);
    const listed = readFileSync(file, "utf8").split("_WEB_LIST = (")[1]?.split("\n)")[0] as string;
    const kinds = [...listed.matchAll(/Attribute\("(\w+)", "(\w+)"/g)].map(([, name, kind]) => [name, kind]);
    expect(kinds.length).toBeGreaterThan(30);
    expect(Object.entries(KINDS)).toEqual(kinds);
  });
});
