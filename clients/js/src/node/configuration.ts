/**
 * The registry's configuration, kept fresh in the background and safe on disk.
 *
 * Nobody waits for the network: the last good copy is read from disk at the start, and newer ones are
 * asked for beside the site's work. Stale beats empty: an answer that cannot be used changes nothing,
 * and an empty one is believed only when the registry signs it with a configuration version that is
 * not older than the one held.
 */

import { address, ask, type Answer } from "./connection.js";
import {
  DOCUMENTS,
  parseDocument,
  UnusableError,
  type Configuration,
  type DocumentName,
  type Experiment,
  type Instrument,
  type Parsed,
  type Stream,
} from "./documents.js";
import { readCopy, writeCopy, type Stored } from "./disk.js";
import { withKept } from "./kept.js";

const VERSION_HEADER = "x-allotment-config-version";
const LEFT_OUT_HEADER = "x-allotment-left-out-names";
const REWRITE_MS = 60_000;

/** The last good copy of one document. */
interface Held extends Stored {
  readonly parsed: Parsed;
}

/** Told after a newer configuration came: the names of the experiments that are not as before. */
export type ConfigurationListener = (changed: readonly string[]) => void;

export interface ConfigurationOptions {
  readonly registryUrl: string;
  readonly site: string;
  readonly cacheFile: string | null;
  readonly refreshSeconds: number;
  readonly timeoutSeconds: number;
}

export class ConfigurationSource {
  readonly #options: ConfigurationOptions;
  readonly #base: URL;
  readonly #faults = new Map<string, string>();
  readonly #listeners = new Set<ConfigurationListener>();
  #held = new Map<DocumentName, Held>();
  #configuration: Configuration = configurationOf(new Map());
  #writtenAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #wanted = false;
  #closed = false;
  #round: Promise<void> | undefined;
  #first: Promise<void> | undefined;

  /** @throws RangeError when the registry's address is none */
  constructor(options: ConfigurationOptions) {
    this.#options = options;
    this.#base = address(options.registryUrl);
    this.#readCache();
  }

  /** Starts asking beside the site's work, unless that is done already. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#closed = false;
    const round = async (): Promise<void> => {
      await this.refresh();
      if (!this.#wanted) return;
      this.#timer = setTimeout(() => void round(), this.#options.refreshSeconds * 1_000);
      // A program whose work is done may end.
      this.#timer.unref();
    };
    this.#first = round();
  }

  /** Stops asking. What is held stays readable. */
  close(): void {
    this.#wanted = false;
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** The configuration held now; empty before there ever was one. Never waits. */
  current(): Configuration {
    return this.#configuration;
  }

  /**
   * Seconds since the registry last gave or confirmed the oldest part of what is held; null before
   * every part has been had once.
   */
  get ageSeconds(): number | null {
    if (this.#held.size < DOCUMENTS.length) return null;
    const oldest = Math.min(...[...this.#held.values()].map(({ confirmedAt }) => confirmedAt));
    return Math.max(0, Date.now() / 1_000 - oldest);
  }

  /** The registry's configuration version; of parts with different ones, the oldest. */
  get version(): number | null {
    const versions = [...this.#held.values()].map(({ version }) => version);
    const known = versions.filter((version) => version !== null);
    return known.length ? Math.min(...known) : null;
  }

  /** What is wrong now: parts that could not be renewed, items that could not be read. */
  get problems(): string[] {
    const items = [...this.#held.values()].flatMap(({ parsed }) => parsed.problems);
    return [...this.#faults.values(), ...items];
  }

  /**
   * Waits for the first round of questions to end; whether it ended in time. For programs that would
   * rather wait than begin without a configuration (a batch job); a web site has no need of it.
   */
  async wait(seconds: number): Promise<boolean> {
    this.start();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), seconds * 1_000);
    });
    const came = (this.#first as Promise<void>).then(() => true);
    return Promise.race([came, late]).finally(() => clearTimeout(timer));
  }

  /** Calls back after each newer configuration; what is returned ends that. */
  watch(listener: ConfigurationListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks for every document once, now. Never rejects: what went wrong stands in `problems`. */
  refresh(): Promise<void> {
    this.#round ??= this.#refresh().finally(() => (this.#round = undefined));
    return this.#round;
  }

  async #refresh(): Promise<void> {
    const held = new Map(this.#held);
    let changed = false;
    for (const document of DOCUMENTS) {
      const before = held.get(document);
      try {
        const found = await this.#ask(document, before);
        this.#faults.delete(document);
        changed ||= before?.body !== found.body;
        held.set(document, found);
      } catch (error) {
        this.#fault(document, (error as Error).message);
      }
    }
    this.#hold(held);
    if (held.size && (changed || Date.now() - this.#writtenAt > REWRITE_MS)) await this.#writeCache();
  }

  async #ask(document: DocumentName, held: Held | undefined): Promise<Held> {
    const { site, timeoutSeconds } = this.#options;
    const headers: Record<string, string> = { Accept: "application/json" };
    if (held?.etag) headers["If-None-Match"] = held.etag;
    const url = new URL(this.#base);
    const path = {
      experiments: "/api/v1/experiments",
      instruments: "/api/v1/instruments",
      streams: "/w/api.php",
    }[document];
    url.pathname = url.pathname.replace(/\/+$/, "") + path;
    if (document === "streams") {
      url.search = `action=streamconfigs&format=json&site=${encodeURIComponent(site)}`;
    }
    const answer = await ask(url, { method: "GET", headers }, timeoutSeconds);
    const version = versionOf(answer);
    const confirmedAt = Date.now() / 1_000;
    if (answer.status === 304 && held) {
      return { ...held, confirmedAt, version: version ?? held.version };
    }
    if (answer.status !== 200) {
      throw new UnusableError(`${document}: the registry answered with status ${answer.status}`);
    }
    const left = answer.headers.get(LEFT_OUT_HEADER);
    const body =
      held && left !== null ? withKept(document, answer.body, held.body, leftOut(left)) : answer.body;
    const parsed = parseDocument(document, body);
    if (held?.parsed.items.size && !parsed.items.size) believeEmpty(document, version, held.version);
    return { body, parsed, etag: answer.headers.get("etag") ?? "", version, confirmedAt };
  }

  #hold(held: Map<DocumentName, Held>): void {
    const before = this.#configuration;
    const same = DOCUMENTS.every((name) => this.#held.get(name)?.parsed === held.get(name)?.parsed);
    this.#held = held;
    if (same) return;
    this.#configuration = configurationOf(held);
    const changed = differing(before.experiments, this.#configuration.experiments);
    for (const listener of this.#listeners) {
      try {
        listener(changed);
      } catch (error) {
        console.warn(`[allotment] a listener failed: ${error}`);
      }
    }
  }

  #fault(key: string, text: string): void {
    // A question that was under way when the site closed interests nobody.
    if (this.#faults.get(key) !== text && !this.#closed) {
      console.warn(`[allotment] configuration kept as it was: ${text}`);
    }
    this.#faults.set(key, text);
  }

  #readCache(): void {
    const { cacheFile, site } = this.#options;
    if (cacheFile === null) return;
    try {
      const held = new Map<DocumentName, Held>();
      for (const [document, stored] of readCopy(cacheFile, site)) {
        held.set(document, { ...stored, parsed: parseDocument(document, stored.body) });
      }
      this.#hold(held);
    } catch (error) {
      this.#fault("cache", `the copy in ${cacheFile} cannot be read: ${(error as Error).message}`);
    }
  }

  async #writeCache(): Promise<void> {
    const { cacheFile, site } = this.#options;
    if (cacheFile === null) return;
    try {
      await writeCopy(cacheFile, site, this.#held);
      this.#faults.delete("cache");
      this.#writtenAt = Date.now();
    } catch (error) {
      this.#fault("cache", `the copy in ${cacheFile} cannot be written: ${(error as Error).message}`);
    }
  }
}

function configurationOf(held: ReadonlyMap<DocumentName, Held>): Configuration {
  const items = <T>(name: DocumentName): ReadonlyMap<string, T> =>
    (held.get(name)?.parsed.items ?? new Map()) as ReadonlyMap<string, T>;
  return {
    experiments: items<Experiment>("experiments"),
    instruments: items<Instrument>("instruments"),
    streams: items<Stream>("streams"),
  };
}

/** Names of the experiments that came, went or changed. */
function differing(
  before: ReadonlyMap<string, Experiment>,
  now: ReadonlyMap<string, Experiment>,
): string[] {
  const said = (experiment: Experiment | undefined): string =>
    JSON.stringify(experiment?.item ?? null);
  const names = new Set([...before.keys(), ...now.keys()]);
  return [...names].filter((name) => said(before.get(name)) !== said(now.get(name)));
}

function believeEmpty(document: DocumentName, version: number | null, held: number | null): void {
  if (version === null) {
    throw new UnusableError(
      `${document}: the answer is empty and has no ${VERSION_HEADER} header; kept the last one`,
    );
  }
  if (held !== null && version < held) {
    throw new UnusableError(
      `${document}: the answer is empty and of version ${version}, older than ${held}; ` +
        "kept the last one",
    );
  }
}

/** The items that a fault keeps out of an answer; null: too many to name. */
function leftOut(header: string): ReadonlySet<string> | null {
  return header === "*" ? null : new Set(header.split(",").map(decodeURIComponent));
}

function versionOf(answer: Answer): number | null {
  const found = answer.headers.get(VERSION_HEADER);
  return found !== null && /^\d+$/.test(found) ? Number(found) : null;
}
