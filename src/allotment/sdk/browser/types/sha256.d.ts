/**
 * SHA-256 (FIPS 180-4), synchronous: the browser's own is asynchronous, and a page must know its
 * group before it draws.
 */
/** The digest of a text's UTF-8 as eight numbers of 32 bits. A lone surrogate counts as U+FFFD. */
export declare function sha256(text: string): Int32Array;
/** A digest as 64 lower-case hexadecimal digits. */
export declare function hex(digest: Int32Array): string;
