// One request as a site would serve it: a JSON object on standard input says who comes and what they do; each
// call's result is printed, and at the end how the client did.
import { Client, headHtml, pageVariables, parseEnrollments, parseOverrides } from "allotment/node";

let text = "";
for await (const part of process.stdin) text += part;
const asked = JSON.parse(text);
const client = new Client({
  registryUrl: asked.registry,
  intakeUrl: asked.intake,
  site: "demowiki",
  domain: "demo.example",
  timeoutSeconds: 30, // a busy machine takes more than a page would wait
  ...(asked.cache && { cacheFile: asked.cache }),
  ...(asked.subject_key && { subjectKey: asked.subject_key }),
});
await client.configuration.wait(60);
const visitor = client.visitor({
  userId: asked.user_id,
  browserId: asked.browser_id,
  sessionId: asked.session_id,
  overrides: parseOverrides(asked.overrides ?? ""),
  context: asked.context,
  edge: parseEnrollments(asked.edge ?? ""),
});
const at = new Date("2026-11-22T08:30:00.123Z");
const does = {
  interaction: (stream, schema, action, data) =>
    visitor.submitInteraction(stream, schema, action, data, { at }),
  click: (stream, data) => visitor.submitClick(stream, data, { at }),
  submit: (stream, event) => visitor.submit(stream, event, { at }),
  prefix: (prefix) =>
    visitor.getExperimentsByPrefix(prefix).map((one) => [one.name, one.getAssignedGroup()]),
  experiment: (name, action, data, attributes) =>
    visitor.getExperiment(name).send(action, data, { at, attributes }),
  exposure: (name) => visitor.getExperiment(name).sendExposure(),
  instrument: (name, action, data, attributes) =>
    visitor.getInstrument(name).send(action, data, { at, attributes }),
  why: (name) => visitor.getExperiment(name).getReason(),
  group: (name) => visitor.getExperimentBucketValue(name),
  page: () => pageVariables(client, visitor),
  refused: () => client.refused,
  head: () => headHtml(client, visitor, { scriptUrl: "/allotment.js", nonce: "abc" }),
};
for (const [call, given] of asked.calls) console.log(JSON.stringify(does[call](...given)));
await client.close();
console.log(JSON.stringify(client.describe()));
