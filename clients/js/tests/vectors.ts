/** The test vectors of the repository's root, which every language reads, each held to its digest. */

import sums from "../../../vectors/SHA256SUMS?raw";

/** What a file of vectors holds; an error where its digest is not the one that is listed. */
export async function readVectors<T>(name: string, text: string): Promise<T> {
  // The engine's own digest, not the client's, which is what the vectors try.
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  if (!sums.split("\n").includes(`${hex.join("")}  ${name}`)) {
    throw new Error(`vectors/${name} is not what SHA256SUMS lists; run: make vectors`);
  }
  return JSON.parse(text) as T;
}
