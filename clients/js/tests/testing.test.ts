import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createClient, type Client } from "../src/index.js";
import { useFakeExperiments, useFakeInstruments } from "../src/testing.js";
import { endPage, newPage } from "./page.js";

let client: Client;

beforeEach(() => {
  newPage();
  vi.stubGlobal("allotmentConfig", { streams: {} });
  vi.stubGlobal("allotmentUserExperiments", { assigned: { real: "a" } });
  client = createClient();
});
afterEach(endPage);

describe("useFakeExperiments", () => {
  it("forces groups and writes down what would be sent", () => {
    const fakes = useFakeExperiments(client);
    const stub = fakes.stubExperiment("my-one", "treatment");
    fakes.stubExperiment("my-two", null).send("lost");
    const experiment = client.getExperiment("my-one");
    const start = vi.fn();
    experiment.use(start).send("show", { element_id: "x" });
    experiment.sendExposure();
    experiment.sendExposure();
    expect(start).toHaveBeenCalledWith(stub);
    expect(experiment.isAssignedGroup("treatment")).toBe(true);
    expect(client.getExperimentBucketValue("my-one")).toBe("treatment");
    expect(client.getExperimentsByPrefix("my-").map(({ name }) => name)).toEqual(["my-one"]);
    expect(client.getExperiment("real").getAssignedGroup()).toBeNull();
    expect(stub.events).toEqual([
      { experiment: "my-one", action: "show", data: { element_id: "x" } },
      { experiment: "my-one", action: "experiment_exposure", data: {} },
    ]);
    expect([stub.eventCount, fakes.eventCount]).toEqual([2, 2]);
  });

  it("gives the client its own experiments back", () => {
    const fakes = useFakeExperiments(client);
    fakes.stubExperiment("real", "b");
    expect(client.getExperimentBucketValue("real")).toBe("b");
    fakes.restore();
    expect(client.getExperimentBucketValue("real")).toBe("a");
    expect(client.getExperiment("real").getAssignedGroup()).toBe("a");
  });
});

describe("useFakeInstruments", () => {
  it("decides who is in a sample and writes down what would be sent", () => {
    const fakes = useFakeInstruments(client);
    const stub = fakes.stubInstrument("my-clicks");
    fakes.stubInstrument("my-quiet", false).send("lost");
    const start = vi.fn();
    const instrument = client.getInstrument("my-clicks").use(start);
    instrument.send("show", { element_id: "x" }, ["page_id"]);
    instrument.submitInteraction("click", { funnel_event_sequence_position: 7 });
    client.getInstrument("my-quiet").use(start).send("lost");
    client.getInstrument("unknown").use(start).send("lost");
    expect(start.mock.calls).toEqual([[stub]]);
    expect(["my-clicks", "my-quiet", "unknown"].map((name) => client.getInstrument(name).isInSample()))
      .toEqual([true, false, false]);
    const data = { funnel_event_sequence_position: 1, element_id: "x" };
    expect(fakes.events).toEqual([
      { instrument: "my-clicks", action: "show", data },
      { instrument: "my-clicks", action: "click", data: { funnel_event_sequence_position: 7 } },
    ]);
    expect([stub.eventCount, fakes.eventCount]).toEqual([2, 2]);
    fakes.restore();
    expect(client.getInstrument("my-clicks")).not.toBe(stub);
  });
});
