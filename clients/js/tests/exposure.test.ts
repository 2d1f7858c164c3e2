import { expect, it, vi } from "vitest";
import { createClient, DefaultIntegration } from "../src/index.js";
import { endPage, newPage, newStorage } from "./page.js";
import { readVectors } from "./vectors.js";
import exposuresText from "../../../vectors/exposures.json?raw";

interface Step {
  at: number;
  page: number;
  group: string;
  version: string | null;
  subject_id: string;
  handed: boolean;
  reset: number | null;
  told: boolean;
}
const { cases } = await readVectors<{ cases: { begin: number; steps: Step[] }[] }>(
  "exposures.json",
  exposuresText,
);

/** What of the steps is told by a browser whose session keeps what its pages put into storage. */
function tellings({ begin, steps }: { begin: number; steps: Step[] }): boolean[] {
  const page = newPage();
  vi.stubGlobal("sessionStorage", newStorage());
  // No page here is left or hidden.
  vi.stubGlobal("addEventListener", () => {});
  let client = createClient();
  const found = steps.map(({ at, group, version, subject_id, handed, reset, ...step }, index) => {
    vi.setSystemTime(begin + at);
    const foo = <T>(value: T) => ({ foo: value });
    vi.stubGlobal("allotmentUserExperiments", {
      enrolled: ["foo"],
      assigned: foo(group),
      subject_ids: foo(subject_id),
      versions: version === null ? [] : foo(version),
    });
    vi.stubGlobal("allotmentConfig", {
      intakeUrl: "http://intake.example/v1/events",
      streams: { "product_metrics.web_base": {} },
      ...(reset !== null && { exposureReset: reset }),
    });
    if (step.page !== steps[index - 1]?.page) client = createClient(new DefaultIntegration());
    // Whose browser keeps no cookies has its events dropped.
    page.navigator.cookieEnabled = handed;
    page.posts.length = 0;
    client.getExperiment("foo").sendExposure();
    client.flush();
    return page.events.length > 0;
  });
  endPage();
  return found;
}

it("tells of the exposures of all vectors those that are due", () => {
  expect(cases).toHaveLength(150);
  for (const given of cases) {
    expect({ given, told: tellings(given) }).toEqual({ given, told: given.steps.map(({ told }) => told) });
  }
});

it("tells an exposure again whose call was lost with the configuration", async () => {
  const page = newPage();
  vi.stubGlobal("sessionStorage", newStorage());
  vi.stubGlobal("allotmentUserExperiments", { assigned: { foo: "control" } });
  vi.stubGlobal("allotmentConfig", { intakeUrl: "http://intake.example/v1/events", streams: {} });
  let streams: unknown = new Promise(() => {});
  class Late extends DefaultIntegration {
    override getStreamConfigs(): unknown {
      return streams;
    }
  }
  let client = createClient(new Late());
  client.getExperiment("foo").sendExposure();
  client.getExperiment("foo").sendExposure();
  expect(page.events).toEqual([]);
  // The page is left before its configuration came: the next page tells.
  streams = { "product_metrics.web_base": {} };
  client = createClient(new Late());
  client.getExperiment("foo").sendExposure();
  client.getExperiment("foo").sendExposure();
  client.flush();
  expect(page.events.map(({ action }) => action)).toEqual(["experiment_exposure"]);
  endPage();
});
