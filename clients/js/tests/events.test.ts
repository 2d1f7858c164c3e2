import { expect, it, vi } from "vitest";
import { createClient, DefaultIntegration, type Client } from "../src/index.js";
import { endPage, newPage, newStorage, type Page } from "./page.js";
import { readVectors } from "./vectors.js";
import eventsText from "../../../vectors/events.json?raw";

type Json = Record<string, any>;
const { cases } = await readVectors<{ cases: Json[] }>("events.json", eventsText);
let page: Page;

/** The page of a case's visitor, as a server's library would write it. */
function clientOf({ session_id, user_id, context, ...given }: Json): Client {
  class Session extends DefaultIntegration {
    override getContextAttributes() {
      const found = super.getContextAttributes();
      return { ...found, performer: { ...found.performer, session_id } };
    }
  }
  vi.stubGlobal("allotmentUserExperiments", given.membership);
  vi.stubGlobal("allotmentConfig", {
    intakeUrl: "http://intake.example/v1/events",
    site: given.site,
    streams: given.streams,
    experiments: Object.fromEntries(given.experiments.map((item: Json) => [item.name, item])),
    context: { ...context, performer: { is_logged_in: user_id !== null, ...context.performer } },
  });
  return createClient(new Session());
}

function make(client: Client, [kind, name, ...given]: [string, string, ...any[]]): void {
  if (kind === "interaction") client.submitInteraction(name, ...(given as [string, string, Json]));
  else if (kind === "exposure") client.getExperiment(name).sendExposure();
  else if (kind === "experiment") client.getExperiment(name).send(...(given as [string, Json]));
  else client.getInstrument(name).send(...(given as [string, Json]));
}

it("makes of the calls of all vectors the events of all languages", () => {
  expect(cases).toHaveLength(250);
  for (const vector of cases) {
    page = newPage();
    vi.stubGlobal("sessionStorage", newStorage());
    const client = clientOf(vector);
    expect(client.getCurrentUserExperiments()).toEqual(vector.membership);
    vector.calls.forEach((call: [string, string, ...any[]], at: number) => {
      const before = page.events.length;
      make(client, call);
      client.flush();
      const [event = null, ...more] = page.events.slice(before);
      if (event) {
        delete event.dt;
        delete event.meta.id;
        delete event.agent;
      }
      expect({ call, event, more }).toEqual({ call, event: vector.events[at], more: [] });
    });
    endPage();
  }
});
