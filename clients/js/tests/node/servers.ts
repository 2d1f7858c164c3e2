/**
 * A registry and an intake over real HTTP, whose answers a test sets. The real ones are met in
 * `tests/clients/test_node.py`; here their failures must be made on command.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

export const WEB_BASE = "product_metrics.web_base";
export const WEB_SCHEMA = "/analytics/product_metrics/web/base/1.3.0";
export const SESSION = "0123456789abcdef0123";

export const EXPERIMENT = {
  name: "related-articles-card",
  start: "2020-01-01T00:00:00Z",
  end: "2100-01-01T00:00:00Z",
  user_identifier_type: "edge-unique",
  sample_rate: { default: 1 } as Record<string, unknown>,
  groups: ["control", "card"],
  weights: [1, 1] as number[] | null,
  stream_name: WEB_BASE,
  schema_id: WEB_SCHEMA,
  contextual_attributes: ["performer_is_logged_in"],
  version: "3",
};

const PRODUCERS = { metrics_platform_client: { provide_values: ["mediawiki_database"] } };
const TITLE = "analytics/product_metrics/web/base";

export const STREAMS: Record<string, unknown> = {
  [WEB_BASE]: { schema_title: TITLE, producers: PRODUCERS },
  raw: { schema_title: TITLE },
  clicks: {
    schema_title: TITLE,
    producers: { metrics_platform_client: { provide_values: ["page_id"], stream_name: WEB_BASE } },
    sample: { unit: "session", rate: 1 },
  },
};

export const INSTRUMENT = {
  name: "clicks",
  sample_unit: "session",
  sample_rate: { default: 1, "0": ["quietwiki"] },
  stream_name: WEB_BASE,
  schema_title: TITLE,
  contextual_attributes: ["page_id"],
};

abstract class Stand {
  /** Stays the same when it is closed. */
  port = 0;
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  async open(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  protected abstract answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void;

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part as Buffer);
    } catch {
      return; // It went away in mid-request.
    }
    this.answer(request, response, Buffer.concat(parts));
  }
}

export class Registry extends Stand {
  experiments: unknown = [{ ...EXPERIMENT }];
  instruments: unknown = [{ ...INSTRUMENT }];
  streams: Record<string, unknown> = { ...STREAMS };
  version: number | null = 1;
  status = 200;
  raw: string | null = null;
  leftOut: string | null = null;
  delayMs = 0;
  readonly requests: { url: string; etag: string }[] = [];
  readonly statuses: number[] = [];

  protected override answer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url as string, "http://x").pathname;
    const documents: Record<string, unknown> = {
      "/api/v1/experiments": this.experiments,
      "/api/v1/instruments": this.instruments,
      "/w/api.php": { streams: this.streams },
    };
    const body = this.raw ?? JSON.stringify(documents[path]);
    const etag = `"${this.version}-${body.length}"`;
    const asked = request.headers["if-none-match"] ?? "";
    const status = this.status === 200 && asked === etag ? 304 : this.status;
    this.requests.push({ url: request.url as string, etag: asked });
    this.statuses.push(status);
    response.setHeader("ETag", etag);
    if (this.version !== null) response.setHeader("X-Allotment-Config-Version", this.version);
    if (this.leftOut !== null) response.setHeader("X-Allotment-Left-Out-Names", this.leftOut);
    if (status === 302) response.setHeader("Location", request.url as string);
    response.statusCode = status;
    setTimeout(() => response.end(status === 304 ? "" : body), this.delayMs);
  }
}

/** An intake's answer; status 0 hangs up without one. */
export interface Said {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export class Intake extends Stand {
  /** Answers to give first. */
  script: Said[] = [];
  readonly events: Record<string, any>[] = [];
  readonly batches: number[] = [];
  readonly requests: IncomingMessage[] = [];

  get url(): string {
    return `${this.origin}/v1/events`;
  }

  protected override answer(
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
  ): void {
    this.requests.push(request);
    const { status, body: said, headers = {} } = this.script.shift() ?? { status: 201 };
    if (status === 0) {
      request.socket.destroy();
      return;
    }
    const isGzip = request.headers["content-encoding"] === "gzip";
    const events = JSON.parse(String(isGzip ? gunzipSync(body) : body));
    this.batches.push(events.length);
    if ([201, 202, 207].includes(status)) this.events.push(...events);
    response.writeHead(status, headers);
    response.end(said === undefined ? "" : JSON.stringify(said));
  }
}

/** Polls until something is there; fails at the deadline. */
export async function until(condition: () => unknown, seconds = 10): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
