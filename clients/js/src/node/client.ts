/** The door of the library for Node: one client a process, one visitor a request. */

import { ConfigurationSource } from "./configuration.js";
import { Delivery } from "./delivery.js";
import { Visitor, type VisitorOptions } from "./visitor.js";

const SHORTEST_KEY = 16;
const MAX_TOLD = 1_000;

export interface ClientOptions {
  /** Where the configuration comes from, such as `http://127.0.0.1:8000`. */
  readonly registryUrl: string;
  /** Where events go, such as `http://127.0.0.1:8192/v1/events`. */
  readonly intakeUrl: string;
  /** This site's name (`mediawiki.database` of its events; selects its sample rates). */
  readonly site: string;
  /** The host name in events' `meta.domain`; the site's name if not given. */
  readonly domain?: string;
  /** Where the last good configuration is kept; in memory only if not given. */
  readonly cacheFile?: string;
  /** How often the registry is asked: 5. */
  readonly refreshSeconds?: number;
  /** Seconds that an answer of the registry may take: 1. */
  readonly timeoutSeconds?: number;
  /** Where browsers send events, if they reach the intake elsewhere. */
  readonly browserIntakeUrl?: string;
  /** Events that may wait, 10,000; further ones are dropped and counted. */
  readonly queueCapacity?: number;
  /** Send events gzipped. */
  readonly compress?: boolean;
  /**
   * A secret of 16 bytes or more: subject ids are then keyed hashes, which nobody computes from a
   * list of subjects without it. Groups stay the same.
   */
  readonly subjectKey?: string | Uint8Array;
}

/** How a client does, for a health page. */
export interface Description {
  readonly configuration: {
    readonly version: number | null;
    readonly age_seconds: number | null;
    readonly problems: readonly string[];
  };
  readonly delivery: {
    readonly sent: number;
    readonly accepted: number;
    readonly rejected: number;
    readonly dropped: Readonly<Record<string, number>>;
    readonly pending: number;
    readonly last_problem: string;
  };
  readonly refused: Readonly<Record<string, number>>;
  readonly subject_ids: "plain" | "keyed";
}

/**
 * Enrolls a site's visitors and sends their events. Making one costs nothing and waits for nothing;
 * the first visitor starts the work beside the site's.
 */
export class Client {
  readonly version: string = __VERSION__;
  readonly site: string;
  readonly domain: string;
  readonly browserIntakeUrl: string;
  readonly configuration: ConfigurationSource;
  readonly delivery: Delivery;
  /** @internal */
  readonly subjectKey: string | Uint8Array | null;
  readonly #refused = new Map<string, number>();
  readonly #told = new Set<string>();
  #started = false;

  /** @throws RangeError when an address is none, or the key is too short */
  constructor(options: ClientOptions) {
    const { registryUrl, intakeUrl, site } = options;
    this.site = site;
    this.domain = options.domain || site;
    this.browserIntakeUrl = options.browserIntakeUrl || intakeUrl;
    this.configuration = new ConfigurationSource({
      registryUrl,
      site,
      cacheFile: options.cacheFile ?? null,
      refreshSeconds: options.refreshSeconds ?? 5,
      timeoutSeconds: options.timeoutSeconds ?? 1,
    });
    const { queueCapacity: capacity = 10_000, compress = false } = options;
    this.delivery = new Delivery({ intakeUrl, capacity, compress });
    this.subjectKey = secret(options.subjectKey);
  }

  /** Begins the work beside the site's, unless it runs already. Returns at once. */
  start(): this {
    // Once: a visitor after `close` begins nothing anew.
    if (!this.#started) this.configuration.start();
    this.#started = true;
    return this;
  }

  /** Stops asking, and delivers what waits for at most so many seconds. */
  async close(seconds = 5): Promise<void> {
    this.#started = true;
    this.configuration.close();
    await this.delivery.close(seconds);
  }

  /** One visitor of the site, for the length of one request. Never waits. */
  visitor(options: VisitorOptions = {}): Visitor {
    this.start();
    return new Visitor(this, this.configuration.current(), options);
  }

  /**
   * Events that were not handed over, by reason. `unknown_stream`, `unknown_experiment`,
   * `unknown_instrument`, `no_schema` and `no_action` are mistakes; `not_sampled` and `not_enrolled`
   * are what configuration asked for; `already_exposed` is no loss.
   */
  get refused(): Record<string, number> {
    return Object.fromEntries(this.#refused);
  }

  /** @internal Counts an event that is not sent, and says a mistake once; always false. */
  refuse(reason: string, text: string): false {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    if (text && !this.#told.has(text) && this.#told.size < MAX_TOLD) {
      this.#told.add(text);
      console.warn(`[allotment] event not sent: ${text}`);
    }
    return false;
  }

  /** How the client does, for a health page: age and version of what it holds, counters. */
  describe(): Description {
    const { sent, accepted, rejected, dropped, pending, lastProblem } = this.delivery.counts;
    const { version, ageSeconds, problems } = this.configuration;
    return {
      configuration: { version, age_seconds: ageSeconds, problems },
      delivery: { sent, accepted, rejected, dropped, pending, last_problem: lastProblem },
      refused: this.refused,
      subject_ids: this.subjectKey === null ? "plain" : "keyed",
    };
  }
}

/** An empty key is a setting that went missing: plain ids would hide that. */
function secret(key: string | Uint8Array | undefined): string | Uint8Array | null {
  if (key === undefined) return null;
  const bytes = Buffer.byteLength(key);
  if (bytes >= SHORTEST_KEY) return key;
  throw new RangeError(
    `subjectKey has ${bytes} bytes; give a secret of at least ${SHORTEST_KEY}, such as ` +
      "crypto.randomBytes(32).toString('hex') makes, or none for subject ids without a key",
  );
}
