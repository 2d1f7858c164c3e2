/** Ids of the page view, the session and single events. */

const COOKIE = /(^| )allotment-session=([0-9a-f]{20})(;|$)/;

/** 80 random bits as 20 hexadecimal digits. */
export function randomToken(): string {
  return hex(20);
}

/** A UUID (RFC 9562, version 4) with at least 120 random bits. */
export function randomUuid(): string {
  return (
    // The browser's own is ten times as fast, and there on secure origins only.
    crypto.randomUUID?.() ??
    hex(32).replace(/(.{8})(.{4}).(.{3}).(.{3})/, "$1-$2-4$3-8$4-")
  );
}

const hex = (digits: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(digits)), (byte) =>
    (byte & 15).toString(16),
  ).join("");

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
  const found = COOKIE.exec(document.cookie);
  if (found) return (session = found[2] as string);
  session ??= randomToken();
  const secure = location.protocol === "https:" ? ";Secure" : "";
  document.cookie = `allotment-session=${session};Path=/;SameSite=Lax${secure}`;
  return session;
}
