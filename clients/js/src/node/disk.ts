/** The copy of the configuration on disk. Its format is that of the Python SDK: both may share a file. */

import { readFileSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { randomBytes } from "node:crypto";
import { asObject } from "../configuration.js";
import { DOCUMENTS, type DocumentName } from "./documents.js";

const FORMAT = 1;

/** One document as it came, and when. */
export interface Stored {
  readonly body: string;
  readonly etag: string;
  readonly version: number | null;
  /** When the registry last gave or confirmed it, in seconds since the epoch. */
  readonly confirmedAt: number;
}

/**
 * What a file holds for a site; nothing where there is no file, or one of another site.
 *
 * @throws Error when the file cannot be read, or is damaged
 */
export function readCopy(file: string, site: string): Map<DocumentName, Stored> {
  const found = new Map<DocumentName, Stored>();
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return found;
    throw error;
  }
  const stored = asObject(JSON.parse(text));
  if (!stored) throw new Error("it is no JSON object");
  if (stored.format !== FORMAT || stored.site !== site) return found;
  const held = asObject(stored.held) ?? {};
  for (const name of DOCUMENTS) {
    const one = asObject(held[name]);
    if (!one) continue;
    const { body, etag, version, confirmed_at: confirmedAt } = one;
    const whole =
      typeof body === "string" &&
      typeof etag === "string" &&
      typeof confirmedAt === "number" &&
      (version === null || typeof version === "number");
    if (!whole) throw new Error(`'${name}' is damaged`);
    found.set(name, { body: Buffer.from(body, "base64").toString("utf8"), etag, version, confirmedAt });
  }
  return found;
}

/** Writes the copy; several processes may share the file, so each renames its own into place. */
export async function writeCopy(
  file: string,
  site: string,
  held: ReadonlyMap<DocumentName, Stored>,
): Promise<void> {
  const stored = Object.fromEntries(
    [...held].map(([name, { body, etag, version, confirmedAt }]) => [
      name,
      {
        body: Buffer.from(body, "utf8").toString("base64"),
        etag,
        version,
        confirmed_at: confirmedAt,
      },
    ]),
  );
  await mkdir(dirname(file), { recursive: true });
  const unique = `${process.pid}-${randomBytes(4).toString("hex")}`;
  const fresh = join(dirname(file), `.${basename(file)}.${unique}`);
  try {
    const handle = await open(fresh, "w");
    try {
      await handle.writeFile(JSON.stringify({ format: FORMAT, site, held: stored }));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}
