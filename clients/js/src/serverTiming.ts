/**
 * Groups that the answer with the page tells in its header `Server-Timing`: an edge in front of the
 * site enrolls readers so, also into pages that come out of a cache.
 */

import { asText, readMembership, type Membership } from "./configuration.js";
import { AWAITING, parseEnrollments, SERVER_TIMING } from "./enrollments.js";
import type { Integration } from "./integration.js";

export { AWAITING, parseEnrollments, SERVER_TIMING };

export interface ServerTimingOptions {
  /** Name of the header's entry: `WMF-Uniq`, unless the edge calls it otherwise. */
  readonly entry?: string;
}

/**
 * An integration that takes groups from the page's `Server-Timing`, and everything else from
 * another. A forced group wins over the header, the header over what the page says. The subject ids
 * are `awaiting`: the edge adds them to requests for events. An experiment whose groups the page
 * names takes no other.
 */
export function withServerTiming(
  integration: Integration,
  { entry = SERVER_TIMING }: ServerTimingOptions = {},
): Integration {
  const getCurrentUserExperiments = (): Membership => {
    const membership = readMembership(integration.getCurrentUserExperiments());
    for (const [name, group] of headerGroups(entry)) {
      if (membership.coordinators[name] === "forced") continue;
      const known = (integration.getExperimentConfig?.(name) ?? {}) as {
        groups?: unknown;
        version?: unknown;
      };
      if (Array.isArray(known.groups) && !known.groups.includes(group)) continue;
      membership.assigned[name] = group;
      membership.subject_ids[name] = AWAITING;
      membership.sampling_units[name] = "edge-unique";
      membership.coordinators[name] = "default";
      const version = asText(known.version);
      if (version) membership.versions[name] = version;
      else delete membership.versions[name];
    }
    return { ...membership, enrolled: Object.keys(membership.assigned) };
  };
  return new Proxy(integration, {
    get: (from, key) => {
      if (key === "getCurrentUserExperiments") return getCurrentUserExperiments;
      const found: unknown = Reflect.get(from, key);
      return typeof found === "function" ? found.bind(from) : found;
    },
  });
}

const found = new Map<string, ReadonlyMap<string, string>>();

/** Asked for again until it is there: not every browser has it while the page is read. */
function headerGroups(entry: string): ReadonlyMap<string, string> {
  const kept = found.get(entry);
  if (kept) return kept;
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  // Browsers have it on secure origins only.
  const told = navigation?.serverTiming?.filter(({ name }) => name === entry) ?? [];
  const groups = parseEnrollments(told.map(({ description }) => description).join(";"));
  if (told.length) found.set(entry, groups);
  return groups;
}
