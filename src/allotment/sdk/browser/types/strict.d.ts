/**
 * For development: tells in the console which contextual attributes the configuration asks for, and
 * the page does not give, or gives as something that the schema refuses. The client itself leaves out
 * what is missing and checks nothing, since every page would have to load that.
 */
import type { Integration } from "./integration.js";
/** What a contextual attribute holds. */
type Kind = "array" | "boolean" | "integer" | "string";
/** The attributes of web pages, as the registry's check knows them. */
export declare const KINDS: Readonly<Record<string, Kind>>;
/** What is wrong with one attribute, and who asks for it. */
export interface AttributeProblem {
    readonly attribute: string;
    /** Names of the streams, instruments and experiments that ask for it. */
    readonly askedBy: readonly string[];
    readonly problem: string;
}
/**
 * Looks at a page once, and warns of each problem in the console. Load it in development only.
 *
 * @param integration - the one that the page's client was made with
 * @returns the problems, for a site's own tests; none: all that is asked for is there
 * @throws what the integration throws where it has no streams
 */
export declare function checkAttributes(integration: Integration): Promise<AttributeProblem[]>;
export {};
