/**
 * SHA-256 (FIPS 180-4), synchronous: the browser's own is asynchronous, and a page must know its
 * group before it draws.
 */
/** The digest as eight numbers of 32 bits. */
export declare function sha256(message: Uint8Array): Int32Array;
/** A digest as 64 lower-case hexadecimal digits. */
export declare function hex(digest: Int32Array): string;
