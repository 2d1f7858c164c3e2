/** What the client asks of the page it runs in. Another platform writes its own `Integration`. */

import type { Context } from "./attributes.js";
import {
  asObject,
  force,
  readMembership,
  type ExperimentConfig,
  type Membership,
  type PageConfig,
} from "./configuration.js";
import { pageviewId, sessionId } from "./identity.js";
import { parseOverrides } from "./law.js";

const FETCH_TIMEOUT_MS = 10_000;

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
}

export interface DefaultIntegrationOptions {
  /** Origin of the registry, asked for the streams where the page does not bring them. */
  readonly registryOrigin?: string;
  /** Address of the intake, where the page does not bring it. */
  readonly intakeUrl?: string;
}

declare global {
  interface Window {
    allotmentConfig?: PageConfig;
    allotmentUserExperiments?: unknown;
  }
}

/** Reads `window.allotmentConfig` and `window.allotmentUserExperiments`; else asks the registry. */
export class DefaultIntegration implements Integration {
  constructor(private readonly options: DefaultIntegrationOptions = {}) {}

  getHostname(): string {
    return location.hostname;
  }

  getContextAttributes(): Context {
    const { context, site } = pageConfig();
    const mediawiki = asObject(context?.mediawiki) ?? {};
    return {
      ...context,
      agent: {
        client_platform: "mediawiki_js",
        client_platform_family: clientPlatformFamily(),
        ua_string: navigator.userAgent,
        ...asObject(context?.agent),
      },
      mediawiki: { ...(site ? { database: site } : {}), ...mediawiki },
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

  /** The page's record, with the groups that the address forces by `?mpo=` (cached pages too). */
  getCurrentUserExperiments(): Membership {
    const forced = new URLSearchParams(location.search).getAll("mpo").join(";");
    return force(readMembership(window.allotmentUserExperiments), parseOverrides(forced));
  }

  getStreamConfigs(): unknown | Promise<unknown> {
    const { streams, site } = pageConfig();
    if (streams !== undefined) return streams;
    const { registryOrigin } = this.options;
    if (!registryOrigin) {
      throw new Error("the page sets no allotmentConfig.streams and names no registry");
    }
    return fetchStreams(registryOrigin, site);
  }

  getIntakeUrl(): string | null {
    return pageConfig().intakeUrl ?? this.options.intakeUrl ?? null;
  }

  getExperimentConfig(name: string): ExperimentConfig | undefined {
    const { experiments } = pageConfig();
    return experiments && Object.keys(experiments).includes(name) ? experiments[name] : undefined;
  }
}

function pageConfig(): PageConfig {
  return (asObject(window.allotmentConfig) as PageConfig | null) ?? {};
}

async function fetchStreams(origin: string, site: string | undefined): Promise<unknown> {
  const url = new URL("/w/api.php", origin);
  url.searchParams.set("action", "streamconfigs");
  url.searchParams.set("format", "json");
  if (site) url.searchParams.set("site", site);
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), FETCH_TIMEOUT_MS);
  try {
    const answer = await fetch(url, { signal: abort.signal, credentials: "omit" });
    if (!answer.ok) throw new Error(`the registry answered ${answer.status}`);
    const streams = asObject(((await answer.json()) as { streams?: unknown }).streams);
    if (!streams) throw new Error("the registry's answer has no 'streams'");
    return streams;
  } finally {
    clearTimeout(timer);
  }
}

function clientPlatformFamily(): string {
  const { userAgentData } = navigator as { userAgentData?: { mobile?: boolean } };
  const mobile =
    userAgentData?.mobile ??
    (/Mobi|Android|iPhone|iPad|iPod/.test(navigator.userAgent) ||
      (innerWidth <= 720 && matchMedia("(pointer: coarse)").matches));
  return mobile ? "mobile_browser" : "desktop_browser";
}
