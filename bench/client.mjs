// Times and weighs the JavaScript client beside its rivals; `clients.py` runs it and prints the
// figures. Processor time of one call, in seconds, the quickest of some rounds; bytes after gzip.
// Events are built in Node, with stand-ins for what the client touches of a page.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const ROUNDS = 15;
const asked = JSON.parse(readFileSync(0, "utf8"));
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

function seconds(calls, call) {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let number = 0; number < calls; number++) call(number);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1e6);
  }
  return best / calls;
}

/**
 * Seconds of a call that queues an event, by the clock: that which one page in ten is quicker than,
 * since other programs hold up some. What is queued is sent in between, unmeasured.
 */
async function queueing(call) {
  const [pages, events] = [2_000, 15];
  const took = [];
  for (let number = 0; number < pages; number++) {
    const before = performance.now();
    for (let event = 0; event < events; event++) call();
    took.push((performance.now() - before) / 1e3 / events);
    client.flush();
    await new Promise(setImmediate);
  }
  return took.sort((one, other) => one - other)[pages / 10];
}

function bytes(content) {
  return gzipSync(content, { level: 9 }).length;
}

/** The least program that uses a rival, bundled for a page as the client itself is. */
async function bundled(program) {
  const { build } = await import("./rivals/node_modules/esbuild/lib/main.js");
  const built = await build({
    stdin: { contents: program, resolveDir: here("rivals") },
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    platform: "browser",
    target: ["es2022"],
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
  });
  return bytes(built.outputFiles[0].contents);
}

const PROGRAMS = {
  GrowthBook: `import { GrowthBook } from "@growthbook/growthbook"; window.client = new GrowthBook();`,
  Unleash: `import { UnleashClient } from "unleash-proxy-client"; window.client = new UnleashClient({});`,
  "OpenFeature web": `import { OpenFeature } from "@openfeature/web-sdk"; window.client = OpenFeature.getClient();`,
};

const shipped = (name) => readFileSync(`${asked.browser}/${name}`);
const found = { node: process.version, ours: {}, rivals: {} };
for (const name of asked.files) found.ours[name] = bytes(shipped(name));
if (asked.rivals) {
  for (const [name, program] of Object.entries(PROGRAMS)) {
    found.rivals[name] = await bundled(program);
  }
}

// Before there is anything like a page: it would look for more of one.
const GrowthBook = asked.rivals
  ? (await import("./rivals/node_modules/@growthbook/growthbook/dist/esm/index.mjs")).GrowthBookClient
  : null;

const page = new EventTarget();
const stand = {
  document: Object.assign(new EventTarget(), { visibilityState: "visible", cookie: "" }),
  navigator: { cookieEnabled: true, userAgent: "bench" },
  location: { hostname: "wiki.example", protocol: "https:", search: "" },
  localStorage: {},
  fetch: async () => ({ status: 201 }),
  addEventListener: page.addEventListener.bind(page),
  fetch: async () => ({ status: 201 }),
};
for (const [name, value] of Object.entries(stand)) {
  Object.defineProperty(globalThis, name, { value, configurable: true });
}
const { Client, evaluate } = await import(`${asked.browser}/allotment.mjs`);

const { plain, rich, attributes } = asked;
const circumstances = { site: "enwiki", now: new Date(), attributes };
found.plain = seconds(20_000, (n) => evaluate(plain, String(n), circumstances));
found.rich = seconds(20_000, (n) => evaluate(rich, String(n), circumstances));

const client = new Client({
  getHostname: () => "wiki.example",
  getContextAttributes: () => ({ page: { id: 7, title: "Leek" } }),
  getCurrentUserExperiments: () => asked.membership,
  getStreamConfigs: () => asked.streams,
  getIntakeUrl: () => "https://wiki.example/v1/events",
});
found.event = await queueing(() =>
  client.submitInteraction("web", "/web/1.0.0", "click", { element_friendly_name: "leek" }),
);
found.counters = client.counters;

if (GrowthBook) {
  const { experiments, attributes: others } = asked.growthbook;
  const growthbook = new GrowthBook();
  for (const [kind, experiment] of Object.entries(experiments)) {
    found[`growthbook_${kind}`] = seconds(20_000, (n) =>
      growthbook.runInlineExperiment(experiment, { attributes: { ...others, id: String(n) } }),
    );
  }
}
process.stdout.write(JSON.stringify(found));
process.exit(0);
