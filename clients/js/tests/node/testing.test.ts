import { afterEach, expect, it } from "vitest";
import { Client } from "../../src/node/client.js";
import { startTestLab, type TestLab } from "../../src/nodeTesting.js";
import { EXPERIMENT, INSTRUMENT, WEB_SCHEMA } from "./servers.js";

let lab: TestLab;
let client: Client;
afterEach(async () => {
  await client.close();
  await lab.close();
});

it("a test lab serves what it is told, and keeps what arrives", async () => {
  lab = await startTestLab({ experiments: [EXPERIMENT] });
  const { registryUrl, intakeUrl } = lab;
  client = new Client({ registryUrl, intakeUrl, site: "mywiki", compress: true });
  await client.configuration.wait(5);
  expect(client.configuration.problems).toEqual([]);
  const visitor = client.visitor({ browserId: "b1" });
  visitor.getExperiment(EXPERIMENT.name).sendExposure();
  await client.delivery.flush();
  expect(lab.events.map(({ action }) => action)).toEqual(["experiment_exposure"]);

  lab.configure({ instruments: [INSTRUMENT], streams: { own: {} } });
  await client.configuration.refresh();
  const next = client.visitor({ browserId: "b1" });
  expect(next.membership.enrolled).toEqual([]);
  expect(next.configuration.instruments.has("clicks")).toBe(true);
  expect(next.submitInteraction("own", WEB_SCHEMA, "click")).toBe(true);
  const odd = await fetch(`${registryUrl}/elsewhere`);
  expect(odd.status).toBe(404);
});
