/** Ids of the page view, the session and single events. */

const SESSION_COOKIE = "allotment-session";
const TOKEN = /^[0-9a-f]{20}$/;

/** 80 random bits as 20 hexadecimal digits. */
export function randomToken(): string {
  return hex(10);
}

/** A random UUID (RFC 9562, version 4). */
export function randomUuid(): string {
  const digits = hex(16);
  const variant = "89ab"[Number.parseInt(digits.charAt(16), 16) & 3];
  return (
    `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-` +
    `${variant}${digits.slice(17, 20)}-${digits.slice(20)}`
  );
}

function hex(bytes: number): string {
  // Not crypto.randomUUID: that is there on secure origins only.
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

let pageview: string | undefined;
let session: string | undefined;

/** The id of this page view: it lives as long as the page. */
export function pageviewId(): string {
  return (pageview ??= randomToken());
}

/**
 * The id of this browser session, shared by all tabs of the site through a cookie without expiry.
 * The cookie is set when an id is first asked for, not before.
 */
export function sessionId(): string {
  const found = readCookie(SESSION_COOKIE);
  if (found && TOKEN.test(found)) return (session = found);
  session ??= randomToken();
  const secure = location.protocol === "https:" ? ";Secure" : "";
  document.cookie = `${SESSION_COOKIE}=${session};Path=/;SameSite=Lax${secure}`;
  return session;
}

function readCookie(name: string): string | undefined {
  for (const pair of document.cookie.split(";")) {
    const [key, value] = pair.trim().split("=", 2);
    if (key === name) return value;
  }
  return undefined;
}
