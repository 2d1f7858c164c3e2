/** Ids of the page view, the session and single events. */
/** 80 random bits as 20 hexadecimal digits. */
export declare function randomToken(): string;
/** A UUID (RFC 9562, version 4) with at least 120 random bits. */
export declare function randomUuid(): string;
/** The id of this page view: it lives as long as the page. */
export declare function pageviewId(): string;
/**
 * The id of this browser session, shared by all tabs of the site through a cookie without expiry.
 * The cookie is set when an id is first asked for, not before.
 */
export declare function sessionId(): string;
