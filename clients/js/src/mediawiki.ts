/** What the client asks of a page of MediaWiki: its variables, its user and its session. */

import type { Context } from "./attributes.js";
import { asObject, type ExperimentConfig, type Membership, type PageConfig } from "./configuration.js";
import { fetchStreams, forcedByAddress, type Integration } from "./integration.js";

/** The page's variable with the membership: ours, and those of the extensions before us. */
const MEMBERSHIP_VARIABLES = [
  "wgAllotmentUserExperiments",
  "wgTestKitchenUserExperiments",
  "wgMetricsPlatformUserExperiments",
];
/** From how many edits on an account is in a bucket. */
const EDIT_BUCKETS: readonly (readonly [number, string])[] = [
  [1000, "1000+ edits"],
  [100, "100-999 edits"],
  [5, "5-99 edits"],
  [1, "1-4 edits"],
  [0, "0 edits"],
];

/** As much of `window.mw` as is asked. */
export interface MediaWiki {
  readonly config: { get(name: string): unknown };
  readonly user: {
    isAnon(): boolean;
    isTemp?(): boolean;
    sessionId(): string;
    getPageviewToken(): string;
  };
}

export interface MediaWikiOptions {
  /** Settings of the client; the page's variable `wgAllotmentConfig` goes before. */
  readonly config?: PageConfig;
  /** Origin of the registry, asked for the streams where the page does not bring them. */
  readonly registryOrigin?: string;
  /** `window.mw`, unless a test gives another. */
  readonly mw?: MediaWiki;
}

/** What older extensions tell of experiments beside our own. */
interface ForeignConfig extends ExperimentConfig {
  readonly user_identifier_type?: unknown;
  readonly version?: unknown;
  readonly exposure_version?: unknown;
}

/**
 * Reads a page of MediaWiki. It needs the page's module `mediawiki.user`:
 * `(window.RLQ ??= []).push([["mediawiki.user"], () => createClient(new MediaWikiIntegration())])`.
 */
export class MediaWikiIntegration implements Integration {
  private readonly _mw: MediaWiki;

  constructor(private readonly _options: MediaWikiOptions = {}) {
    const mw = _options.mw ?? (window as { mw?: MediaWiki }).mw;
    if (!mw) throw new Error("there is no window.mw: this is no page of MediaWiki");
    this._mw = mw;
  }

  getHostname(): string {
    return this._text("wgServerName") ?? location.hostname;
  }

  /** The web attributes of `page`, `mediawiki`, `performer` and `agent`; what is not known is null. */
  getContextAttributes(): Context {
    const { user } = this._mw;
    const get = (name: string): unknown => this._mw.config.get(name) ?? null;
    const isLoggedIn = !user.isAnon();
    const groups = get("wgUserGroups");
    const edits = isLoggedIn ? get("wgUserEditCount") : null;
    const all: Record<string, Record<string, unknown>> = {
      agent: {
        client_platform: "mediawiki_js",
        client_platform_family: get("wgMFMode") === null ? "desktop_browser" : "mobile_browser",
        ua_string: navigator.userAgent,
      },
      page: {
        id: get("wgArticleId"),
        title: this._text("wgPageName")?.replaceAll("_", " ") ?? null,
        namespace_id: get("wgNamespaceNumber"),
        namespace_name: get("wgCanonicalNamespace"),
        revision_id: get("wgRevisionId"),
        wikidata_id: get("wgWikibaseItemId"),
        wikidata_qid: get("wgWikibaseItemId"),
        content_language: get("wgPageContentLanguage"),
        is_redirect: get("wgIsRedirect"),
        user_groups_allowed_to_move: get("wgRestrictionMove"),
        user_groups_allowed_to_edit: get("wgRestrictionEdit"),
      },
      mediawiki: {
        skin: get("skin"),
        version: get("wgVersion"),
        is_production: this._text("wgVersion")?.includes("wmf") ?? null,
        // A mode in newer versions: 0 is off.
        is_debug_mode: Boolean(get("debug")),
        database: get("wgDBname"),
        site_content_language: get("wgContentLanguage"),
        site_content_language_variant: get("wgUserVariant"),
      },
      performer: {
        is_logged_in: isLoggedIn,
        id: get("wgUserId"),
        name: get("wgUserName"),
        groups,
        is_bot: Array.isArray(groups) && groups.includes("bot"),
        is_temp: user.isTemp?.() ?? false,
        language: get("wgUserLanguage"),
        language_variant: get("wgUserVariant"),
        can_probably_edit_page: get("wgIsProbablyEditable"),
        edit_count: edits,
        edit_count_bucket: bucketOf(edits),
        registration_dt: isLoggedIn ? timeOf(get("wgUserRegistration")) : null,
        pageview_id: user.getPageviewToken(),
        // Asked for late, because the answer sets a cookie.
        get session_id() {
          return user.sessionId();
        },
      },
    };
    for (const [group, attributes] of Object.entries(this._config().context ?? {})) {
      const known = (all[group] ??= {});
      for (const [key, value] of Object.entries(attributes)) {
        // The ids are the browser's alone.
        if (group !== "performer" || !key.endsWith("_id")) known[key] = value;
      }
    }
    return all;
  }

  getCurrentUserExperiments(): Membership {
    return forcedByAddress(this._record());
  }

  getStreamConfigs(): unknown | Promise<unknown> {
    const { streams } = this._config();
    const { registryOrigin } = this._options;
    if (streams !== undefined) return streams;
    if (!registryOrigin) throw new Error("no wgAllotmentConfig.streams, and no registryOrigin");
    return fetchStreams(registryOrigin, this._text("wgDBname"));
  }

  getIntakeUrl(): string | null {
    return this._config().intakeUrl ?? null;
  }

  getExperimentConfig(name: string): ExperimentConfig | undefined {
    const { experiments } = this._config();
    return experiments && Object.hasOwn(experiments, name) ? experiments[name] : undefined;
  }

  hasConsent(): boolean {
    return this._config().consent !== false;
  }

  getExposureReset(): number {
    return Number(this._config().exposureReset) || 0;
  }

  private _config(): PageConfig {
    return { ...this._options.config, ...asObject(this._mw.config.get("wgAllotmentConfig")) };
  }

  private _text(name: string): string | null {
    const found = this._mw.config.get(name);
    return typeof found === "string" && found ? found : null;
  }

  /**
   * The membership in our own shape. The extensions before us leave out what they know: who was
   * forced stands in `overrides` alone, or in `coordinator`; what was randomized follows from the
   * experiment's settings, and else from the subject id.
   */
  private _record(): unknown {
    const found = MEMBERSHIP_VARIABLES.map((name) => asObject(this._mw.config.get(name))).find(Boolean);
    if (!found) return null;
    const ids = asObject(found.subject_ids) ?? {};
    const told = { ...asObject(found.coordinator), ...asObject(found.coordinators) };
    const overrides = Array.isArray(found.overrides) ? found.overrides : [];
    const units = { ...asObject(found.sampling_units) };
    const versions = { ...asObject(found.versions) };
    const coordinators: Record<string, unknown> = {};
    for (const name of Object.keys(asObject(found.assigned) ?? {})) {
      const known = (this.getExperimentConfig(name) ?? {}) as ForeignConfig;
      const isForced = told[name] === "forced" || overrides.includes(name);
      const isOurs = told[name] !== "xLab" && told[name] !== undefined;
      coordinators[name] = isForced ? "forced" : isOurs ? told[name] : "default";
      units[name] ??= known.user_identifier_type ?? unitOf(ids[name]);
      versions[name] ??= known.version ?? known.exposure_version;
    }
    return { ...found, sampling_units: units, coordinators, versions };
  }
}

/** What a subject id was made of; undefined where it does not say. */
function unitOf(subjectId: unknown): string | undefined {
  if (subjectId === "awaiting") return "edge-unique";
  return typeof subjectId === "string" && /^[0-9a-f]{64}$/.test(subjectId) ? "mw-user" : undefined;
}

function bucketOf(edits: unknown): string | null {
  if (typeof edits !== "number") return null;
  return EDIT_BUCKETS.find(([least]) => edits >= least)?.[1] ?? null;
}

/** Milliseconds as ISO 8601. */
function timeOf(found: unknown): string | null {
  return typeof found === "number" ? new Date(found).toISOString() : null;
}
