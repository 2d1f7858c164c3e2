/** A request's visitor: ids in cookies, forced groups, the edge's header. As in Python and PHP. */

import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import type { Context } from "../attributes.js";
import { ENROLLMENTS_HEADER, parseEnrollments } from "../enrollments.js";
import { parseOverrides } from "../law.js";
import type { Client } from "./client.js";
import type { Visitor } from "./visitor.js";

const BROWSER_COOKIE = "allotment-browser";
const SESSION_COOKIE = "allotment-session";
const YEAR_SECONDS = 365 * 24 * 60 * 60;
const MAX_OVERRIDE_CHARS = 2_048;

/** The two anonymous ids of a request, and the `Set-Cookie` values that make new ones last. */
export interface CookieIds {
  readonly browserId: string;
  readonly sessionId: string;
  readonly setCookies: readonly string[];
}

/**
 * Reads the ids from a request's `Cookie` header; makes new ones for what is missing or damaged: 128
 * random bits name a browser for a year, 80 a session until the browser closes. Scripts cannot read
 * the first; the page's client shares the second.
 *
 * @param secure - whether the page came over https
 */
export function cookieIds(header: string | undefined, secure: boolean): CookieIds {
  const cookies = new Map<string, string>();
  for (const part of (header ?? "").split(";")) {
    const at = part.indexOf("=");
    const name = part.slice(0, at).trim();
    // Of two with one name the first counts.
    if (at >= 0 && !cookies.has(name)) {
      cookies.set(name, part.slice(at + 1).trim().replace(/^"+|"+$/g, ""));
    }
  }
  const rest = `; Path=/; SameSite=Lax${secure ? "; Secure" : ""}`;
  const setCookies: string[] = [];
  let browserId = cookies.get(BROWSER_COOKIE) ?? "";
  if (!/^[0-9a-f]{32}$/.test(browserId)) {
    browserId = randomBytes(16).toString("hex");
    setCookies.push(`${BROWSER_COOKIE}=${browserId}; Max-Age=${YEAR_SECONDS}; HttpOnly${rest}`);
  }
  let sessionId = cookies.get(SESSION_COOKIE) ?? "";
  if (!/^[0-9a-f]{20}$/.test(sessionId)) {
    sessionId = randomBytes(10).toString("hex");
    setCookies.push(`${SESSION_COOKIE}=${sessionId}${rest}`);
  }
  return { browserId, sessionId, setCookies };
}

/** Forced groups of a query; a text that is longer than a link by hand would be is ignored. */
export function overridesIn(query: URLSearchParams): Map<string, string> {
  const text = query.getAll("mpo").join(";");
  return parseOverrides([...text].length > MAX_OVERRIDE_CHARS ? "" : text);
}

/** What a request itself does not say. */
export interface RequestOptions {
  /** The account's id; null for a reader who is not logged in. */
  readonly userId?: string | null;
  readonly context?: Context;
  /** Whether `X-Experiment-Enrollments` comes from your edge alone. */
  readonly trustEdge?: boolean;
  /** Whether the page came over https; as the socket says, unless a proxy stands before it. */
  readonly secure?: boolean;
}

/**
 * The visitor of a request (of `node:http`, Express, …). Call it before the answer's headers are
 * sent: it sets the cookies, and marks the answer as one for this visitor, which no shared cache may
 * keep.
 */
export function visitorOf(
  client: Client,
  request: IncomingMessage,
  response: ServerResponse,
  { userId, context, trustEdge = false, secure }: RequestOptions = {},
): Visitor {
  const isSecure = secure ?? Boolean((request.socket as Partial<TLSSocket>).encrypted);
  const { browserId, sessionId, setCookies } = cookieIds(request.headers.cookie, isSecure);
  for (const cookie of setCookies) response.appendHeader("Set-Cookie", cookie);
  if (!/\b(private|no-store)\b/i.test(String(response.getHeader("Cache-Control") ?? ""))) {
    response.setHeader("Cache-Control", "private");
  }
  if (!/\bcookie\b|\*/i.test(String(response.getHeader("Vary") ?? ""))) {
    response.appendHeader("Vary", "Cookie");
  }
  const edge = request.headers[ENROLLMENTS_HEADER.toLowerCase()];
  return client.visitor({
    userId: userId ?? null,
    browserId,
    sessionId,
    overrides: overridesIn(new URL(request.url ?? "/", "http://localhost").searchParams),
    edge: trustEdge && typeof edge === "string" ? parseEnrollments(edge) : new Map(),
    ...(context && { context }),
  });
}
