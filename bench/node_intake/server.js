// An intake in Node, to compare with: it parses, fills in, checks stream and schema with Ajv, and
// appends to a file, without fsync. `node server.js <schema.json> <streams.json> <file> <port>`.

import { createWriteStream, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import Ajv from "ajv";

const [schemaFile, streamsFile, outputFile, port] = process.argv.slice(2);
const schema = JSON.parse(readFileSync(schemaFile, "utf8"));
schema.$schema = "http://json-schema.org/draft-07/schema#"; // the same, as Ajv 6 calls it
const streams = JSON.parse(readFileSync(streamsFile, "utf8"));
const ajv = new Ajv({ allErrors: true, useDefaults: true, schemaId: "auto" });
const validators = new Map([[schema.$id, { title: schema.title, check: ajv.compile(schema) }]]);
const output = createWriteStream(outputFile, { flags: "a" });
const mediaTypes = new Set(["application/json", "text/plain", "application/reports+json"]);
const cors = { "access-control-allow-origin": "*" };

function answer(response, status, value) {
  if (value === undefined) {
    response.writeHead(status, { ...cors, "content-length": 0 });
    response.end();
    return;
  }
  const body = JSON.stringify(value);
  response.writeHead(status, {
    ...cors,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

function prepare(event, received, requestId) {
  const known = validators.get(event.$schema);
  if (!known) return [undefined, `Failed loading schema at ${event.$schema}`];
  const meta = event.meta;
  const stream = meta && meta.stream;
  if (typeof stream !== "string") return [undefined, "meta.stream is missing"];
  if (meta.id === undefined) meta.id = randomUUID();
  if (meta.dt === undefined) meta.dt = received;
  if (meta.request_id === undefined) meta.request_id = requestId;
  const config = streams[stream];
  if (!config || config.schema_title !== known.title) return [undefined, `${stream} is not allowed`];
  return [known, undefined];
}

function process_(events, requestId) {
  const received = new Date().toISOString();
  const found = { lines: [], invalid: [], error: [] };
  for (const event of events) {
    const [known, message] = prepare(event, received, requestId);
    if (message) {
      found.error.push({ status: "error", event, context: { message } });
    } else if (known.check(event)) {
      found.lines.push(JSON.stringify(event));
    } else {
      const errors = known.check.errors;
      const errorsText = ajv.errorsText(errors, { dataVar: "" });
      found.invalid.push({ status: "invalid", event, context: { errors, errorsText } });
    }
  }
  return found;
}

function receive(request, response, body) {
  let events;
  try {
    events = JSON.parse(body);
  } catch (error) {
    answer(response, 400, { status: 400, type: "malformed_json", detail: String(error) });
    return;
  }
  if (!Array.isArray(events)) events = [events];
  const found = process_(events, request.headers["x-request-id"] ?? randomUUID());
  const failed = found.invalid.length + found.error.length;
  const done = () => {
    if (failed === 0) answer(response, 201);
    else
      answer(response, found.lines.length ? 207 : 400, {
        invalid: found.invalid,
        error: found.error,
      });
  };
  if (found.lines.length) output.write(found.lines.join("\n") + "\n", done);
  else done();
}

createServer((request, response) => {
  if (request.method !== "POST" || !request.url.startsWith("/v1/events")) {
    answer(response, request.url === "/readyz" ? 200 : 404, {});
    return;
  }
  const media = (request.headers["content-type"] ?? "").split(";")[0].trim().toLowerCase();
  if (!mediaTypes.has(media)) {
    answer(response, 415, {});
    return;
  }
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => receive(request, response, Buffer.concat(parts).toString("utf8")));
}).listen(Number(port), "127.0.0.1");
