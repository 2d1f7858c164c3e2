/**
 * The least that an experiment in a page needs, for sites that count bytes: configuration,
 * allocation, `submitInteraction` and the delivery. Experiments and instruments by their names,
 * and exposures, are in `allotment.js` and `allotment.mjs`.
 */
import { Core } from "./core.js";
import { type Integration } from "./integration.js";
export type { Context } from "./attributes.js";
export type { ExperimentConfig, Membership, PageConfig, Sample } from "./configuration.js";
export { Core, type Data } from "./core.js";
export type { Counters, DropReason } from "./delivery.js";
export { DefaultIntegration, type DefaultIntegrationOptions, type Integration, } from "./integration.js";
export { allocate, type Allocation, type Arms } from "./law.js";
/** A client for a page; without an integration it reads the page's `window.allotmentConfig`. */
export declare function createCore(integration?: Integration): Core;
