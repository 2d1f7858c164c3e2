/** The browser client of Allotment, as an ES module. */
import { Client } from "./client.js";
import { type Integration } from "./integration.js";
export { Client } from "./client.js";
export { Core, type Data } from "./core.js";
export { DEFAULT_SCHEMA, DEFAULT_STREAM } from "./configuration.js";
export type { ExperimentConfig, Membership, PageConfig, Sample } from "./configuration.js";
export type { Context } from "./attributes.js";
export type { Counters, DropReason } from "./delivery.js";
export { Experiment } from "./experiment.js";
export { Instrument, type Instrumentation, type Sender } from "./instrument.js";
export { DefaultIntegration, type DefaultIntegrationOptions, type Integration, } from "./integration.js";
export { ClickThroughRateInstrument, clickThroughRate, type ClickThroughRateOptions, type ClickThroughRateState, } from "./instruments/clickThroughRate.js";
export { errorCount, type ErrorCountOptions } from "./instruments/errorCount.js";
export { formFunnel, type FormFunnelOptions } from "./instruments/formFunnel.js";
export { pageVisit, type PageVisitOptions } from "./instruments/pageVisit.js";
export { scrollDepth } from "./instruments/scrollDepth.js";
export { sessionLength } from "./instruments/sessionLength.js";
export { evaluate, parseTime, type Circumstances, type Evaluation, type ExperimentItem, type Reason, type SlotRange, } from "./evaluation.js";
export type { Targeting } from "./targeting.js";
export { allocate, inSample, parseOverrides, parseRate, subjectHash, type Allocation, type Arms, } from "./law.js";
export declare const version: string;
/** A client for a page; without an integration it reads the page's `window.allotmentConfig`. */
export declare function createClient(integration?: Integration): Client;
