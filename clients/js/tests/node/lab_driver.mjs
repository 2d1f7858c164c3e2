// A site in Node in front of a running lab: prints the groups of 200 browsers in each experiment, sends one event
// of a reader who is in none, and prints how the client did.
import { Client, WEB_SCHEMA } from "allotment/node";

const [registryUrl, intakeUrl] = process.argv.slice(2);
const client = new Client({ registryUrl, intakeUrl, site: "demowiki", timeoutSeconds: 10 });
await client.configuration.wait(20);
const names = [...client.configuration.current().experiments.keys()];
const groups = Object.fromEntries(names.map((name) => [name, {}]));
for (let number = 0; number < 200; number++) {
  const browserId = `browser-${number}`;
  const visitor = client.visitor({ browserId });
  for (const name of names) groups[name][browserId] = visitor.getExperimentBucketValue(name);
}
console.log(JSON.stringify(groups));
client.visitor().submitInteraction("product_metrics.web_base", WEB_SCHEMA, "from-node");
await client.close(20);
console.log(JSON.stringify(client.describe()));
