/** The provider under the real OpenFeature SDK, over a real client. */

import {
  ErrorCode,
  OpenFeature,
  ProviderEvents,
  StandardResolutionReasons as Reasons,
  type Client as Flags,
  type EvaluationContext,
} from "@openfeature/server-sdk";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { subjectHash } from "../../src/law.js";
import { Client } from "../../src/node/client.js";
import { Recently } from "../../src/openfeature/recently.js";
import { AllotmentProvider, type AllotmentProviderOptions } from "../../src/openfeature/server.js";
import { EXPERIMENT, Intake, Registry, until, WEB_BASE } from "./servers.js";

const NAME = EXPERIMENT.name;
const BROWSER = { browser_id: "b1" };
const experiment = (name: string, changes: object): object => ({
  ...EXPERIMENT,
  name,
  weights: null,
  ...changes,
});
const EXPERIMENTS = [
  EXPERIMENT,
  experiment("for-users", { user_identifier_type: "mw-user", groups: ["one"] }),
  experiment("sizes", { groups: ["10", "12"] }),
  experiment("ratios", { groups: ["0.5"] }),
  experiment("nothing", { groups: ["0"] }),
  experiment("three", { groups: ["a", "b", "c"] }),
  experiment("nobody", { sample_rate: { default: 0 } }),
  experiment("over", { end: "2020-02-01T00:00:00Z" }),
  experiment("targeted", { targeting: { page_namespace_id: { equals: 0 } } }),
  experiment("odd", { user_identifier_type: "device" }),
];

let registry: Registry;
let intake: Intake;
let client: Client;
let flags: Flags;

function newClient(): Client {
  return new Client({
    registryUrl: registry.origin,
    intakeUrl: intake.url,
    site: "demowiki",
    refreshSeconds: 0.02,
  });
}

async function provide(options: AllotmentProviderOptions = {}): Promise<void> {
  await OpenFeature.setProviderAndWait(new AllotmentProvider(client, options));
  flags = OpenFeature.getClient();
}

async function sent(): Promise<Record<string, any>[]> {
  await client.delivery.flush();
  return intake.events;
}

beforeEach(async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  // The SDK says there what a provider could not do.
  vi.spyOn(console, "error").mockImplementation(() => {});
  registry = await new Registry().open();
  registry.experiments = EXPERIMENTS;
  intake = await new Intake().open();
  client = newClient();
});

afterEach(async () => {
  await OpenFeature.clearProviders();
  OpenFeature.clearHandlers();
  await client.close(0);
  await Promise.all([registry.close(), intake.close()]);
  vi.restoreAllMocks();
});

describe("a flag", () => {
  beforeEach(() => provide());

  it("is the group as a text, and its subject is exposed once", async () => {
    const group = client.visitor({ browserId: "b1" }).getExperimentBucketValue(NAME);
    for (let round = 0; round < 3; round++) {
      expect(await flags.getStringDetails(NAME, "default", BROWSER)).toMatchObject({
        value: group,
        variant: group,
        reason: Reasons.SPLIT,
        flagMetadata: { reason: "assigned", version: "3" },
      });
    }
    const events = await sent();
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ action: "experiment_exposure", instrument_name: NAME });
    expect(events[0]?.experiments.assigned[NAME]).toBe(group);
    expect(events[0]?.experiments.subject_ids[NAME]).toBe(subjectHash("b1", NAME));
  });

  it("of two groups is false in control and true in the other", async () => {
    for (let number = 0; number < 20; number++) {
      const context = { browser_id: `b${number}` };
      const group = await flags.getStringValue(NAME, "", context);
      expect(await flags.getBooleanValue(NAME, group === "control", context)).toBe(group === "card");
    }
  });

  it("is a number where its groups are, also 0", async () => {
    expect([10, 12]).toContain(await flags.getNumberValue("sizes", 0, BROWSER));
    expect(await flags.getNumberValue("ratios", 0, BROWSER)).toBe(0.5);
    const zero = await flags.getNumberDetails("nothing", 7, BROWSER);
    expect(zero).toMatchObject({ value: 0, reason: Reasons.SPLIT });
    expect(zero).not.toHaveProperty("errorCode");
  });

  it("of another type is the default, and nobody is exposed", async () => {
    const found = [
      await flags.getBooleanDetails("three", true, BROWSER),
      await flags.getNumberDetails(NAME, 7, BROWSER),
      await flags.getObjectDetails(NAME, { a: 1 }, BROWSER),
    ];
    expect(found.map(({ value }) => value)).toEqual([true, 7, { a: 1 }]);
    for (const { reason, errorCode, errorMessage } of found) {
      expect([reason, errorCode]).toEqual([Reasons.ERROR, ErrorCode.TYPE_MISMATCH]);
      expect(errorMessage).toMatch(/^(three has the groups a, b, c|.*: the group )/);
    }
    expect(await sent()).toEqual([]);
  });

  it.each<[string, object, string, string]>([
    ["nobody", {}, Reasons.DEFAULT, "not_sampled"],
    ["over", {}, Reasons.DISABLED, "not_active"],
    ["targeted", {}, Reasons.DEFAULT, "not_targeted"],
    ["targeted", { page_namespace_id: 1 }, Reasons.DEFAULT, "not_targeted"],
    ["targeted", { page_namespace_id: 0 }, Reasons.SPLIT, "assigned"],
    ["targeted", { page: { namespace_id: 0 } }, Reasons.SPLIT, "assigned"],
  ])("says of %s with %j: %s, %s", async (flag, attributes, reason, why) => {
    const found = await flags.getStringDetails(flag, "default", { ...BROWSER, ...attributes });
    expect(found.reason).toBe(reason);
    expect(found).not.toHaveProperty("errorCode");
    expect(found.flagMetadata.reason).toBe(why);
    expect(found.value === "default").toBe(why !== "assigned");
  });

  it("that is unknown, or lacks an id, is the default, and says what to do", async () => {
    const unknown = await flags.getStringDetails("unknown", "default", BROWSER);
    expect(unknown).toMatchObject({ value: "default", errorCode: ErrorCode.FLAG_NOT_FOUND });
    const nobody = await flags.getStringDetails("for-users", "default", BROWSER);
    expect(nobody).toMatchObject({
      value: "default",
      errorCode: ErrorCode.TARGETING_KEY_MISSING,
      errorMessage: "for-users is about mw-user; give a user_id",
    });
    const odd = await flags.getStringDetails("odd", "default", BROWSER);
    expect(odd.errorCode).toBe(ErrorCode.TARGETING_KEY_MISSING);
    expect((await flags.getStringDetails(NAME, "default")).value).toBe("default");
  });

  it("is forced by mpo, and told apart from what the law says", async () => {
    const forced = { ...BROWSER, mpo: `${NAME}:elsewhere` };
    const found = await flags.getStringDetails(NAME, "", forced);
    expect(found).toMatchObject({ value: "elsewhere", reason: Reasons.STATIC });
    expect((await sent())[0]?.experiments.coordinators[NAME]).toBe("forced");
  });

  it("takes the time and other attributes of the context into its events", async () => {
    const context: EvaluationContext = {
      ...BROWSER,
      performer_registration_dt: new Date("2026-11-22T09:00:00Z"),
      page: { id: 7 },
      odd: 1,
      _: 1,
    };
    (registry.experiments as any[])[0] = {
      ...EXPERIMENT,
      contextual_attributes: ["page_id", "performer_registration_dt"],
    };
    await client.configuration.refresh();
    await flags.getStringValue(NAME, "", context);
    const [event] = await sent();
    expect(event?.page).toEqual({ id: 7 });
    expect(event?.performer.registration_dt).toBe("2026-11-22T09:00:00.000Z");
  });
});

describe("a provider", () => {
  it("exposes nobody where the site does it itself", async () => {
    await provide({ sendExposures: false });
    expect(["control", "card"]).toContain(await flags.getStringValue(NAME, "", BROWSER));
    expect(await sent()).toEqual([]);
  });

  it("takes targeting keys for the kind of id that the site says", async () => {
    await provide();
    expect(await flags.getStringValue("for-users", "", { targetingKey: "42" })).toBe("one");
    expect(await flags.getStringValue("for-users", "", { user_id: 42 })).toBe("one");
    expect(await flags.getStringValue(NAME, "", { targetingKey: "42" })).toBe("");
    await provide({ targetingKeyIs: "edge-unique" });
    expect(await flags.getStringValue("for-users", "", { targetingKey: "42" })).toBe("");
    expect(await flags.getStringValue(NAME, "", { targetingKey: "42" })).not.toBe("");
  });

  it("sends what is tracked, with the membership and its details", async () => {
    await provide();
    flags.track("checkout", BROWSER, { value: 9.5, currency: "EUR" });
    flags.track("visit", BROWSER);
    const [checkout, visit] = await sent();
    expect([checkout?.action, checkout?.meta.stream]).toEqual(["checkout", WEB_BASE]);
    expect(JSON.parse(checkout?.action_context)).toEqual({ value: 9.5, currency: "EUR" });
    expect(["control", "card"]).toContain(checkout?.experiments.assigned[NAME]);
    expect(visit).not.toHaveProperty("action_context");
  });

  it("delivers what waits when it is closed, and leaves the client to the site", async () => {
    await provide();
    await flags.getStringValue(NAME, "", BROWSER);
    await OpenFeature.close();
    expect(intake.events).toHaveLength(1);
    expect(client.visitor({ browserId: "b9" }).getExperiment(NAME).send("click")).toBe(true);
  });

  it("is ready once a configuration is there", async () => {
    const told: string[] = [];
    OpenFeature.addHandler(ProviderEvents.Ready, () => void told.push("ready"));
    await provide();
    await until(() => told.length);
    expect(flags.providerStatus).toBe("READY");
  });

  it("without a registry is in error soon, answers defaults, and is ready when it comes", async () => {
    await registry.close();
    const told: string[] = [];
    OpenFeature.addHandler(ProviderEvents.Error, () => void told.push("error"));
    await expect(provide({ waitSeconds: 5 })).rejects.toThrow(/ECONNREFUSED/);
    flags = OpenFeature.getClient();
    expect([told, flags.providerStatus]).toEqual([["error"], "ERROR"]);
    expect(await flags.getBooleanDetails(NAME, true, BROWSER)).toMatchObject({
      value: true,
      reason: Reasons.ERROR,
      errorCode: ErrorCode.PROVIDER_NOT_READY,
    });
    const { port } = registry;
    registry = new Registry();
    await registry.open(port);
    await until(() => flags.providerStatus === "READY");
    expect(await flags.getStringValue(NAME, "", BROWSER)).not.toBe("");
  });

  it("tells which flags a newer configuration changed, and answers by it", async () => {
    const changed: unknown[] = [];
    await provide();
    flags.addHandler(ProviderEvents.ConfigurationChanged, (details) => {
      changed.push(details?.flagsChanged);
    });
    expect(await flags.getStringValue("ratios", "", BROWSER)).toBe("0.5");
    registry.experiments = EXPERIMENTS.map((item) =>
      (item as { name: string }).name === "ratios" ? { ...item, groups: ["0.7"] } : item,
    );
    registry.version = 2;
    await until(() => changed.length);
    expect(changed).toEqual([["ratios"]]);
    expect(await flags.getStringValue("ratios", "", BROWSER)).toBe("0.7");
  });

  it("is stale while the registry is lost, keeps answering, and is ready again", async () => {
    await provide({ staleSeconds: 0.2 });
    const { port } = registry;
    await registry.close();
    await until(() => flags.providerStatus === "STALE");
    expect(await flags.getStringValue(NAME, "", BROWSER)).not.toBe("");
    registry = new Registry();
    registry.experiments = EXPERIMENTS;
    await registry.open(port);
    await until(() => flags.providerStatus === "READY");
  });
});

describe("what was added recently", () => {
  it("is forgotten when it is too much or too old", () => {
    const recent = new Recently(60, 2);
    for (const key of ["a", "b", "c"]) recent.add(key);
    expect(["a", "b", "c"].map((key) => recent.has(key))).toEqual([false, true, true]);
    const old = new Recently(0, 2);
    old.add("a");
    expect(old.has("a")).toBe(false);
  });
});
