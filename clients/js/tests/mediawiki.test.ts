/**
 * What a page of MediaWiki says, from a stand-in for `mw`: temporary accounts, phones, redirects and
 * the variables of older extensions, which no MediaWiki here has. A real one is asked in
 * `tests/clients/test_mediawiki.py`.
 */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MediaWikiIntegration, type MediaWiki, type MediaWikiOptions } from "../src/mediawiki.js";

const SESSION = "0123456789abcdef0123";
const HASH = "92bd577d056dc2d692bd577d056dc2d692bd577d056dc2d692bd577d056dc2d6";
const ARTICLE = {
  wgServerName: "wiki.example",
  wgArticleId: 7,
  wgPageName: "Talk:Leek_soup",
  wgNamespaceNumber: 1,
  wgCanonicalNamespace: "Talk",
  wgRevisionId: 12,
  wgWikibaseItemId: "Q42",
  wgPageContentLanguage: "en",
  wgIsRedirect: false,
  wgRestrictionMove: ["sysop"],
  wgRestrictionEdit: [],
  skin: "vector",
  wgVersion: "1.46.0-wmf.3",
  debug: 0,
  wgDBname: "mywiki",
  wgContentLanguage: "zh",
  wgUserVariant: "zh-hant",
  wgUserId: 42,
  wgUserName: "Zoë",
  wgUserGroups: ["*", "user", "bot"],
  wgUserLanguage: "de",
  wgIsProbablyEditable: true,
  wgUserEditCount: 7,
  wgUserRegistration: Date.UTC(2026, 0, 2, 3, 4, 5),
};

function wiki(variables: object, user: Partial<MediaWiki["user"]> = {}): MediaWiki {
  const all = new Map<string, unknown>(Object.entries(variables));
  return {
    config: { get: (name) => all.get(name) ?? null },
    user: {
      isAnon: () => !all.get("wgUserName"),
      sessionId: () => SESSION,
      getPageviewToken: () => "ffff456789abcdef0123",
      ...user,
    },
  };
}

function integration(variables: object, options: MediaWikiOptions = {}): MediaWikiIntegration {
  return new MediaWikiIntegration({ mw: wiki(variables), ...options });
}

beforeEach(() => {
  vi.stubGlobal("location", { hostname: "elsewhere", search: "" });
  vi.stubGlobal("navigator", { userAgent: "Mozilla/5.0" });
  vi.stubGlobal("window", globalThis);
});
afterEach(() => vi.unstubAllGlobals());

describe("contextual attributes", () => {
  it("are all of the page, the wiki, the user and the session", () => {
    expect(integration(ARTICLE).getContextAttributes()).toEqual({
      agent: {
        client_platform: "mediawiki_js",
        client_platform_family: "desktop_browser",
        ua_string: "Mozilla/5.0",
      },
      page: {
        id: 7,
        title: "Talk:Leek soup",
        namespace_id: 1,
        namespace_name: "Talk",
        revision_id: 12,
        wikidata_id: "Q42",
        wikidata_qid: "Q42",
        content_language: "en",
        is_redirect: false,
        user_groups_allowed_to_move: ["sysop"],
        user_groups_allowed_to_edit: [],
      },
      mediawiki: {
        skin: "vector",
        version: "1.46.0-wmf.3",
        is_production: true,
        is_debug_mode: false,
        database: "mywiki",
        site_content_language: "zh",
        site_content_language_variant: "zh-hant",
      },
      performer: {
        is_logged_in: true,
        id: 42,
        name: "Zoë",
        groups: ["*", "user", "bot"],
        is_bot: true,
        is_temp: false,
        language: "de",
        language_variant: "zh-hant",
        can_probably_edit_page: true,
        edit_count: 7,
        edit_count_bucket: "5-99 edits",
        registration_dt: "2026-01-02T03:04:05.000Z",
        pageview_id: "ffff456789abcdef0123",
        session_id: SESSION,
      },
    });
    expect(integration(ARTICLE).getHostname()).toBe("wiki.example");
  });

  it("of a reader who is not logged in leave out the account", () => {
    const anonymous = { ...ARTICLE, wgUserName: null, wgUserId: null, wgUserGroups: ["*"] };
    expect(integration(anonymous).getContextAttributes().performer).toMatchObject({
      is_logged_in: false,
      id: null,
      name: null,
      is_bot: false,
      edit_count: null,
      edit_count_bucket: null,
      registration_dt: null,
    });
  });

  it.each([
    [0, "0 edits"],
    [1, "1-4 edits"],
    [4, "1-4 edits"],
    [5, "5-99 edits"],
    [99, "5-99 edits"],
    [100, "100-999 edits"],
    [999, "100-999 edits"],
    [1000, "1000+ edits"],
    [null, null],
  ])("put %s edits into the bucket %s", (wgUserEditCount, bucket) => {
    const { performer } = integration({ ...ARTICLE, wgUserEditCount }).getContextAttributes();
    expect(performer?.edit_count_bucket).toBe(bucket);
  });

  it("tell phones, temporary accounts and the debug mode", () => {
    const mw = wiki({ ...ARTICLE, wgMFMode: "stable", debug: 2 }, { isTemp: () => true });
    const { agent, mediawiki, performer } = new MediaWikiIntegration({ mw }).getContextAttributes();
    expect(agent?.client_platform_family).toBe("mobile_browser");
    expect(mediawiki?.is_debug_mode).toBe(true);
    expect(performer?.is_temp).toBe(true);
  });

  it("take what the wiki adds, but not the ids", () => {
    const context = {
      page: { id: 8, own: 1 },
      performer: { session_id: "forged", is_bot: false },
      other: { a: 1 },
    };
    const config = { context };
    const found = integration(ARTICLE, { config }).getContextAttributes();
    expect(found.page).toMatchObject({ id: 8, own: 1, title: "Talk:Leek soup" });
    expect(found.performer).toMatchObject({ session_id: SESSION, is_bot: false });
    expect(found.other).toEqual({ a: 1 });
  });

  it("do not ask for the session until somebody does", () => {
    const sessionId = vi.fn(() => SESSION);
    const mw = wiki(ARTICLE, { sessionId });
    const { performer } = new MediaWikiIntegration({ mw }).getContextAttributes();
    expect(sessionId).not.toHaveBeenCalled();
    expect(performer?.session_id).toBe(SESSION);
  });
});

describe("the membership", () => {
  it("of our own variable is taken as it is", () => {
    const record = {
      enrolled: ["foo"],
      assigned: { foo: "b" },
      subject_ids: { foo: HASH },
      sampling_units: { foo: "session" },
      coordinators: { foo: "rehearsal" },
      versions: { foo: "3" },
    };
    const variables = { wgAllotmentUserExperiments: { ...record, overrides: [] } };
    expect(integration(variables).getCurrentUserExperiments()).toMatchObject(record);
  });

  it("of wgTestKitchenUserExperiments is completed", () => {
    const wgTestKitchenUserExperiments = {
      overrides: ["draft"],
      enrolled: ["foo", "everyone-test", "draft", "ours"],
      assigned: { foo: "b", "everyone-test": "c", draft: "d", ours: "e" },
      subject_ids: { foo: HASH, "everyone-test": "awaiting", draft: "overridden", ours: "x" },
    };
    const wgAllotmentConfig = {
      experiments: {
        foo: { exposure_version: "737ad52269d6f941" },
        ours: { user_identifier_type: "session", version: "7" },
      },
    };
    const variables = { wgTestKitchenUserExperiments, wgAllotmentConfig };
    expect(integration(variables).getCurrentUserExperiments()).toMatchObject({
      enrolled: ["foo", "everyone-test", "draft", "ours"],
      sampling_units: { foo: "mw-user", "everyone-test": "edge-unique", ours: "session" },
      coordinators: { foo: "default", "everyone-test": "default", draft: "forced", ours: "default" },
      versions: { foo: "737ad52269d6f941", ours: "7" },
    });
  });

  it("of PHP, whose empty maps are lists, is empty", () => {
    const wgTestKitchenUserExperiments = {
      overrides: [],
      enrolled: [],
      assigned: [],
      subject_ids: [],
    };
    for (const variables of [{ wgTestKitchenUserExperiments }, {}]) {
      expect(integration(variables).getCurrentUserExperiments()).toMatchObject({
        enrolled: [],
        assigned: {},
        coordinators: {},
      });
    }
  });

  it("of wgMetricsPlatformUserExperiments loses who is not enrolled, and xLab's name", () => {
    const wgMetricsPlatformUserExperiments = {
      active_experiments: ["foo", "bar", "draft"],
      overrides: ["draft"],
      enrolled: ["foo", "draft"],
      assigned: { foo: "b", draft: "c" },
      subject_ids: { foo: HASH, bar: HASH, draft: "overridden" },
      sampling_units: { foo: "mw-user", bar: "mw-user", draft: "overridden" },
      coordinator: { foo: "xLab", draft: "forced" },
    };
    expect(integration({ wgMetricsPlatformUserExperiments }).getCurrentUserExperiments()).toEqual({
      enrolled: ["foo", "draft"],
      assigned: { foo: "b", draft: "c" },
      subject_ids: { foo: HASH, draft: "overridden" },
      sampling_units: { foo: "mw-user", draft: "overridden" },
      coordinators: { foo: "default", draft: "forced" },
      versions: {},
    });
  });

  it("is forced by the address", () => {
    vi.stubGlobal("location", { search: "?mpo=foo:c" });
    const wgTestKitchenUserExperiments = { assigned: { foo: "b" }, subject_ids: { foo: HASH } };
    expect(integration({ wgTestKitchenUserExperiments }).getCurrentUserExperiments()).toMatchObject({
      assigned: { foo: "c" },
      subject_ids: { foo: "overridden" },
      coordinators: { foo: "forced" },
    });
  });
});

describe("settings", () => {
  it("are the page's variable, and else what the site handed over", () => {
    const given = { intakeUrl: "https://a.example", consent: false, exposureReset: 5, streams: { a: {} } };
    const found = integration({}, { config: given });
    expect(found.getIntakeUrl()).toBe("https://a.example");
    expect([found.hasConsent(), found.getExposureReset()]).toEqual([false, 5]);
    expect(found.getStreamConfigs()).toEqual({ a: {} });
    const page = integration({ wgAllotmentConfig: { intakeUrl: "https://b.example" } }, { config: given });
    expect(page.getIntakeUrl()).toBe("https://b.example");
    expect(integration({}).getIntakeUrl()).toBeNull();
    expect(integration({}).hasConsent()).toBe(true);
    expect(integration({}).getExperimentConfig("constructor")).toBeUndefined();
  });

  it("without streams ask the registry, for this wiki", async () => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (url: URL) => {
      asked.push(String(url));
      return { status: asked.length === 1 ? 200 : 500, json: async () => asked.length === 1 ? { streams: { a: {} } } : {} };
    });
    const found = integration(ARTICLE, { registryOrigin: "https://registry.example" });
    expect(await found.getStreamConfigs()).toEqual({ a: {} });
    expect(asked).toEqual([
      "https://registry.example/w/api.php?action=streamconfigs&format=json&site=mywiki",
    ]);
    await expect(found.getStreamConfigs()).rejects.toThrow("the registry answered 500");
    expect(() => integration(ARTICLE).getStreamConfigs()).toThrow(/no registryOrigin/);
  });

  it("cannot be had where there is no MediaWiki", () => {
    expect(() => new MediaWikiIntegration()).toThrow("there is no window.mw");
  });
});
