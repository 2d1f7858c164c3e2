/** The client for servers in Node (18 or newer), as an ES module. */

export type { Context } from "./attributes.js";
export {
  AWAITING,
  enrollmentHeaders,
  ENROLLMENTS_HEADER,
  parseEnrollments,
  SERVER_TIMING,
} from "./enrollments.js";
export {
  evaluate,
  type Circumstances,
  type Evaluation,
  type ExperimentItem,
  type Reason,
} from "./evaluation.js";
export {
  allocate,
  inSample,
  parseOverrides,
  parseRate,
  subjectHash,
  type Allocation,
  type Arms,
} from "./law.js";
export { Client, type ClientOptions, type Description } from "./node/client.js";
export type { ConfigurationListener, ConfigurationSource } from "./node/configuration.js";
export type { Delivery, DeliveryCounts, LossReason } from "./node/delivery.js";
export type {
  Configuration,
  Experiment,
  Instrument,
  SampleRate,
  Stream,
} from "./node/documents.js";
export {
  keyedSubjectId,
  type Membership,
  type MembershipReason,
  type MembershipRecord,
} from "./node/enrollment.js";
export type { Data } from "./node/events.js";
export type { ExperimentHandle, InstrumentHandle } from "./node/handles.js";
export { headHtml, pageVariables, type HeadOptions } from "./node/page.js";
export {
  WEB_SCHEMA,
  type EventOptions,
  type Moment,
  type Visitor,
  type VisitorOptions,
} from "./node/visitor.js";
export {
  cookieIds,
  overridesIn,
  visitorOf,
  type CookieIds,
  type RequestOptions,
} from "./node/web.js";
export type { Targeting } from "./targeting.js";

export const version: string = __VERSION__;
