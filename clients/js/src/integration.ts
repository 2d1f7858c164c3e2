/** What the client asks of the page it runs in. Another platform writes its own `Integration`. */

import type { Context } from "./attributes.js";
import {
  asObject,
  force,
  own,
  type ExperimentConfig,
  type Membership,
  type PageConfig,
} from "./configuration.js";
import { pageviewId, sessionId } from "./identity.js";
import { parseOverrides } from "./law.js";

const FETCH_TIMEOUT_MS = 10_000;
const MAX_OVERRIDE_CHARS = 2_048;

export interface Integration {
  /** Host name for `meta.domain`. */
  getHostname(): string;
  /** All contextual attributes that the page knows, by object. */
  getContextAttributes(): Context;
  /** The visitor's membership, the `experiments` record of events. */
  getCurrentUserExperiments(): Membership;
  /** The streams map; a promise where it must be fetched. It may reject: the client tries again. */
  getStreamConfigs(): unknown | Promise<unknown>;
  /** Address that events are posted to; null where there is none. */
  getIntakeUrl(): string | null;
  /** Where an experiment's own events go; undefined where the page does not say it. */
  getExperimentConfig?(name: string): ExperimentConfig | undefined;
  /** Whether events may be sent to begin with; true without it. */
  hasConsent?(): boolean;
  /** Exposures that were told before this moment, in Unix seconds, are told again. */
  getExposureReset?(): number | undefined;
}

export interface DefaultIntegrationOptions {
  /** Origin of the registry, asked for the streams where the page does not bring them. */
  readonly registryOrigin?: string | undefined;
  /** Address of the intake, where the page does not bring it. */
  readonly intakeUrl?: string | undefined;
}

declare global {
  interface Window {
    allotmentConfig?: PageConfig;
    allotmentUserExperiments?: unknown;
  }
}

/** Reads `window.allotmentConfig` and `window.allotmentUserExperiments`; else asks the registry. */
export class DefaultIntegration implements Integration {
  constructor(private readonly _options: DefaultIntegrationOptions = {}) {}

  getHostname(): string {
    return location.hostname;
  }

  getContextAttributes(): Context {
    const { context, site } = pageConfig();
    const { userAgent } = navigator;
    return {
      ...context,
      agent: {
        client_platform: "mediawiki_js",
        client_platform_family: `${/Mobi/.test(userAgent) ? "mobile" : "desktop"}_browser`,
        ua_string: userAgent,
        ...asObject(context?.agent),
      },
      mediawiki: { database: site || null, ...asObject(context?.mediawiki) },
      performer: {
        ...asObject(context?.performer),
        pageview_id: pageviewId(),
        // Asked for late, because the answer sets a cookie.
        get session_id() {
          return sessionId();
        },
      },
    };
  }

  getCurrentUserExperiments(): Membership {
    return forcedByAddress(window.allotmentUserExperiments);
  }

  getStreamConfigs(): unknown | Promise<unknown> {
    const { streams, site } = pageConfig();
    if (streams !== undefined) return streams;
    const { registryOrigin } = this._options;
    if (!registryOrigin) throw new Error("no allotmentConfig.streams, no registry");
    return fetchStreams(registryOrigin, site);
  }

  getIntakeUrl(): string | null {
    return pageConfig().intakeUrl ?? this._options.intakeUrl ?? null;
  }

  getExperimentConfig(name: string): ExperimentConfig | undefined {
    return own(pageConfig().experiments, name);
  }

  hasConsent(): boolean {
    return pageConfig().consent !== false;
  }

  getExposureReset(): number | undefined {
    return pageConfig().exposureReset;
  }
}

/** A record, with the groups that the page's address forces by `?mpo=` (cached pages too). */
export function forcedByAddress(record: unknown): Membership {
  const forced = new URLSearchParams(location.search).getAll("mpo").join(";");
  // What is longer than a link by hand would be is ignored, as on servers.
  return force(record, parseOverrides([...forced].length > MAX_OVERRIDE_CHARS ? "" : forced));
}

function pageConfig(): PageConfig {
  return window.allotmentConfig ?? {};
}

/** The streams of a registry, for one site. */
export async function fetchStreams(origin: string, site?: string | null): Promise<unknown> {
  const query = "action=streamconfigs&format=json" + (site ? `&site=${encodeURIComponent(site)}` : "");
  const answer = await fetch(new URL(`/w/api.php?${query}`, origin), {
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    credentials: "omit",
  });
  const { streams } = (await answer.json()) as { streams?: unknown };
  // An answer that tells of an error may be JSON, too.
  if (!asObject(streams)) throw new Error(`the registry answered ${answer.status}`);
  return streams;
}
