import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client } from "../../src/node/client.js";
import { cookieIds, overridesIn, visitorOf, type RequestOptions } from "../../src/node/web.js";
import { EXPERIMENT, Registry, SESSION } from "./servers.js";

const BROWSER = "0123456789abcdef0123456789abcdef";

describe("the ids in cookies", () => {
  it("are taken where they are whole, the first of two", () => {
    const header = `a=b; odd; allotment-browser="${BROWSER}"; allotment-session=${SESSION}; allotment-session=x`;
    expect(cookieIds(header, false)).toEqual({
      browserId: BROWSER,
      sessionId: SESSION,
      setCookies: [],
    });
  });

  it.each([undefined, "", "allotment-browser=x; allotment-session=0123", "=; ;"])(
    "are made anew for %j, and last",
    (header) => {
      const { browserId, sessionId, setCookies } = cookieIds(header, true);
      expect(setCookies).toEqual([
        `allotment-browser=${browserId}; Max-Age=31536000; HttpOnly; Path=/; SameSite=Lax; Secure`,
        `allotment-session=${sessionId}; Path=/; SameSite=Lax; Secure`,
      ]);
      expect(browserId).toMatch(/^[0-9a-f]{32}$/);
      expect(sessionId).toMatch(/^[0-9a-f]{20}$/);
      expect(cookieIds(header, false).browserId).not.toBe(browserId);
    },
  );
});

it("forced groups are read from the query, if they are no longer than a link", () => {
  expect([...overridesIn(new URLSearchParams("mpo=a:b&x=1&mpo=c:d"))]).toEqual([
    ["a", "b"],
    ["c", "d"],
  ]);
  const long = (length: number): number =>
    overridesIn(new URLSearchParams({ mpo: `a:${"b".repeat(length - 2)}` })).size;
  expect([long(2_048), long(2_049)]).toEqual([1, 0]);
});

describe("the visitor of a request", () => {
  let registry: Registry;
  let client: Client;
  let server: Server;
  let options: RequestOptions;
  let cache: string | undefined;

  beforeEach(async () => {
    registry = await new Registry().open();
    client = new Client({ registryUrl: registry.origin, intakeUrl: "http://127.0.0.1:9", site: "s" });
    await client.configuration.wait(5);
    options = {};
    cache = undefined;
    server = createServer((request, response) => {
      if (cache) response.setHeader("Cache-Control", cache).setHeader("Vary", "Accept");
      const visitor = visitorOf(client, request, response, options);
      const { identifiers, membership } = visitor;
      response.end(JSON.stringify({ ids: [...identifiers], record: membership.toPage() }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await Promise.all([new Promise((done) => server.close(done)), client.close(0), registry.close()]);
  });

  async function get(query = "", headers: Record<string, string> = {}): Promise<[any, Headers]> {
    const { port } = server.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/${query}`, { headers });
    return [await answer.json(), answer.headers];
  }

  it("has new ids once, and an answer of its own", async () => {
    const [first, headers] = await get();
    const cookies = headers.getSetCookie().map((text) => text.split(";")[0]);
    expect(cookies).toHaveLength(2);
    expect(headers.get("cache-control")).toBe("private");
    expect(headers.get("vary")).toBe("Cookie");
    const [second, again] = await get("", { Cookie: cookies.join("; ") });
    expect(second).toEqual(first);
    expect(again.getSetCookie()).toEqual([]);
  });

  it("keeps a stricter answer, and adds to what it varies by", async () => {
    cache = "no-store";
    const [, headers] = await get();
    expect([headers.get("cache-control"), headers.get("vary")]).toEqual(["no-store", "Accept, Cookie"]);
  });

  it("is forced by the address, and by the edge only where it is trusted", async () => {
    const edge = { "X-Experiment-Enrollments": `${EXPERIMENT.name}=card;` };
    expect((await get("", edge))[0].record.subject_ids[EXPERIMENT.name]).toMatch(/^[0-9a-f]{64}$/);
    options = { trustEdge: true, userId: "42" };
    const [trusted] = await get("", edge);
    expect(trusted.ids[0]).toEqual(["mw-user", "42"]);
    expect(trusted.record.subject_ids[EXPERIMENT.name]).toBe("awaiting");
    const [forced] = await get(`?mpo=${EXPERIMENT.name}:control`, edge);
    expect(forced.record.assigned[EXPERIMENT.name]).toBe("control");
  });
});
