/**
 * Groups that an edge in front of the site gave its readers, and the headers that tell them:
 * `X-Experiment-Enrollments: name=group;name2=group2;` to servers, and to pages the same text as
 * the description of an entry of `Server-Timing`. The subject ids are the edge's alone: events say
 * `awaiting`, and the intake fills them in.
 */

/** Request header by which an edge tells servers. */
export const ENROLLMENTS_HEADER = "X-Experiment-Enrollments";
/** Name of the entry of `Server-Timing` by which an edge tells pages. */
export const SERVER_TIMING = "WMF-Uniq";
/** The subject id of who was enrolled by the edge. */
export const AWAITING = "awaiting";

const ITEM =
  /^([A-Za-z0-9][-_.A-Za-z0-9]{7,62})=([A-Za-z0-9][-_.A-Za-z0-9]{0,62})(?:\/[-_A-Za-z0-9]{1,128})?$/;

/**
 * What can be read of the header's text: groups by experiment. A damaged item hides no other; an
 * experiment that is named twice with different groups is left out, since which of them is true
 * cannot be known.
 */
export function parseEnrollments(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const doubtful = new Set<string>();
  for (const item of text.split(";")) {
    const [, name, group] = ITEM.exec(item.replace(/^[ \t]+|[ \t]+$/g, "")) ?? [];
    if (name === undefined || group === undefined) continue;
    if (!found.has(name)) found.set(name, group);
    else if (found.get(name) !== group) doubtful.add(name);
  }
  for (const name of doubtful) found.delete(name);
  return found;
}

/**
 * A membership as headers of an answer, for clients that read it there. Names that the headers
 * cannot carry are left out; none where there is nothing to tell.
 *
 * @param assigned - groups by experiment
 */
export function enrollmentHeaders(
  assigned: Readonly<Record<string, string>>,
): Record<string, string> {
  const items = Object.entries(assigned)
    .map(([name, group]) => `${name}=${group}`)
    .filter((item) => parseEnrollments(item).size > 0)
    .map((item) => `${item};`)
    .join("");
  if (items === "") return {};
  return { [ENROLLMENTS_HEADER]: items, "Server-Timing": `${SERVER_TIMING};desc="${items}"` };
}
