/**
 * For a site's own tests: a registry and an intake in the test's process, over real HTTP, with
 * experiments that the test sets and events that it reads.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

const WEB_BASE = "product_metrics.web_base";
const TITLE = "analytics/product_metrics/web/base";

/** What the registry serves; what is not given it serves none of, but for the usual stream. */
export interface LabContent {
  /** Items as `/api/v1/experiments` has them. */
  readonly experiments?: readonly object[];
  /** Items as `/api/v1/instruments` has them. */
  readonly instruments?: readonly object[];
  /** Stream configurations by name. */
  readonly streams?: Readonly<Record<string, object>>;
}

/** A registry and an intake that run until they are closed. */
export interface TestLab {
  /** For `new Client({registryUrl, intakeUrl, …})`. */
  readonly registryUrl: string;
  readonly intakeUrl: string;
  /** What arrived, in its order. */
  readonly events: Record<string, any>[];
  /** Sets other content; clients see it when they next ask. */
  configure(content: LabContent): void;
  close(): Promise<void>;
}

/** Starts a lab on a free port of this machine. */
export async function startTestLab(content: LabContent = {}): Promise<TestLab> {
  const events: Record<string, any>[] = [];
  let current = content;
  let version = 1;
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { pathname } = new URL(request.url as string, "http://localhost");
    if (request.method === "POST") {
      const body = Buffer.concat(parts);
      const isGzip = request.headers["content-encoding"] === "gzip";
      const sent: unknown = JSON.parse(String(isGzip ? gunzipSync(body) : body));
      events.push(...(Array.isArray(sent) ? sent : [sent]));
      response.writeHead(201).end();
      return;
    }
    const documents: Record<string, unknown> = {
      "/api/v1/experiments": current.experiments ?? [],
      "/api/v1/instruments": current.instruments ?? [],
      "/w/api.php": { streams: { [WEB_BASE]: { schema_title: TITLE }, ...current.streams } },
    };
    response.setHeader("Content-Type", "application/json");
    response.setHeader("X-Allotment-Config-Version", version);
    response.writeHead(pathname in documents ? 200 : 404);
    response.end(JSON.stringify(documents[pathname] ?? null));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    registryUrl: origin,
    intakeUrl: `${origin}/v1/events`,
    events,
    configure(next) {
      current = next;
      version++;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
