/**
 * Groups that an edge in front of the site gave its readers, and the headers that tell them:
 * `X-Experiment-Enrollments: name=group;name2=group2;` to servers, and to pages the same text as
 * the description of an entry of `Server-Timing`. The subject ids are the edge's alone: events say
 * `awaiting`, and the intake fills them in.
 */
/** Request header by which an edge tells servers. */
export declare const ENROLLMENTS_HEADER = "X-Experiment-Enrollments";
/** Name of the entry of `Server-Timing` by which an edge tells pages. */
export declare const SERVER_TIMING = "WMF-Uniq";
/** The subject id of who was enrolled by the edge. */
export declare const AWAITING = "awaiting";
/**
 * What can be read of the header's text: groups by experiment. A damaged item hides no other; an
 * experiment that is named twice with different groups is left out, since which of them is true
 * cannot be known.
 */
export declare function parseEnrollments(text: string): Map<string, string>;
/**
 * A membership as headers of an answer, for clients that read it there. Names that the headers
 * cannot carry are left out; none where there is nothing to tell.
 *
 * @param assigned - groups by experiment
 */
export declare function enrollmentHeaders(assigned: Readonly<Record<string, string>>): Record<string, string>;
