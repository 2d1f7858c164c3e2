import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Client } from "../../src/node/client.js";
import type { Visitor } from "../../src/node/visitor.js";
import { readVectors } from "../vectors.js";
import { Intake, Registry } from "./servers.js";
import eventsText from "../../../../vectors/events.json?raw";

type Call = ["interaction" | "experiment" | "exposure" | "instrument", string, ...any[]];

interface Case {
  site: string;
  domain: string;
  streams: Record<string, unknown>;
  instruments: unknown[];
  experiments: unknown[];
  user_id: string | null;
  session_id: string | null;
  overrides: Record<string, string>;
  context: Record<string, Record<string, unknown>>;
  calls: Call[];
  membership: object;
  events: (object | null)[];
}

let registry: Registry;
let intake: Intake;
beforeEach(async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  registry = await new Registry().open();
  intake = await new Intake().open();
});
afterEach(async () => {
  await Promise.all([registry.close(), intake.close()]);
  vi.restoreAllMocks();
});

function call(visitor: Visitor, [kind, name, ...given]: Call): boolean {
  switch (kind) {
    case "interaction":
      return visitor.submitInteraction(name, given[0], given[1], given[2]);
    case "experiment":
      return visitor.getExperiment(name).send(given[0], given[1]);
    case "exposure":
      return visitor.getExperiment(name).sendExposure();
    case "instrument":
      return visitor.getInstrument(name).send(given[0], given[1]);
  }
}

/** Without what each language has its own of. */
function comparable({ dt: _, agent: __, ...event }: Record<string, any>): object {
  const { id: ___, ...meta } = event.meta;
  return { ...event, meta };
}

it("the same calls make the same events as in all 250 vectors", async () => {
  const { cases } = await readVectors<{ cases: Case[] }>("events.json", eventsText);
  expect(cases).toHaveLength(250);
  for (const [at, one] of cases.entries()) {
    const { experiments, instruments, streams, site, domain } = one;
    Object.assign(registry, { experiments, instruments, streams, version: at });
    intake.events.length = 0;
    const client = new Client({ registryUrl: registry.origin, intakeUrl: intake.url, site, domain });
    await client.configuration.wait(5);
    const visitor = client.visitor({
      userId: one.user_id,
      sessionId: one.session_id,
      overrides: new Map(Object.entries(one.overrides)),
      context: one.context,
    });
    const record = visitor.membership.toEvent() ?? { enrolled: [] };
    expect(record.enrolled).toEqual((one.membership as typeof record).enrolled);
    if (record.enrolled.length) expect(record).toEqual(one.membership);
    const sent = one.calls.map((each) => call(visitor, each));
    expect(sent).toEqual(one.events.map((event) => event !== null));
    await client.close();
    expect(intake.events.map(comparable)).toEqual(one.events.filter((event) => event !== null));
  }
}, 60_000);
