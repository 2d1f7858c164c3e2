/** Test doubles: a site's own tests force groups and look at what would be sent. */
import type { Client } from "./client.js";
import type { Data } from "./core.js";
import type { Instrumentation, Sender } from "./instrument.js";
/** An event that an experiment would have sent. */
export interface FakeEvent {
    readonly experiment: string;
    readonly action: string;
    readonly data: Data;
}
/** An event that an instrument would have sent, with the position that it would have had. */
export interface FakeInstrumentEvent {
    readonly instrument: string;
    readonly action: string;
    readonly data: Data;
}
/** An experiment whose events are only written down. */
export declare class FakeExperiment implements Sender {
    readonly name: string;
    private readonly group;
    private readonly all;
    readonly events: FakeEvent[];
    constructor(name: string, group: string | null, all: FakeEvent[]);
    get eventCount(): number;
    getAssignedGroup(): string | null;
    isAssignedGroup(...groups: string[]): boolean;
    send(action: string, data?: Data): void;
    submitInteraction(action: string, data?: Data): void;
    /** Once, as on one page. */
    sendExposure(): void;
    use(instrumentation: Instrumentation): this;
}
/** An instrument whose events are only written down. */
export declare class FakeInstrument implements Sender {
    readonly name: string;
    private readonly inSample;
    private readonly all;
    readonly events: FakeInstrumentEvent[];
    constructor(name: string, inSample: boolean, all: FakeInstrumentEvent[]);
    get eventCount(): number;
    isInSample(): boolean;
    submitInteraction(action: string, data?: Data): void;
    send(action: string, data?: Data): void;
    use(instrumentation: Instrumentation): this;
}
export interface FakeExperiments {
    /** Puts the visitor into a group; null: not enrolled. A second call replaces the first. */
    stubExperiment(name: string, group: string | null): FakeExperiment;
    /** The events of all experiments, in their order. */
    readonly events: readonly FakeEvent[];
    readonly eventCount: number;
    /** Gives the client its own experiments back. */
    restore(): void;
}
/** Replaces a client's experiments; what is not stubbed nobody is in. Call `restore` at the end. */
export declare function useFakeExperiments(client: Client): FakeExperiments;
export interface FakeInstruments {
    /** Puts the page into an instrument's sample or out of it. A second call replaces the first. */
    stubInstrument(name: string, isInSample?: boolean): FakeInstrument;
    /** The events of all instruments, in their order. */
    readonly events: readonly FakeInstrumentEvent[];
    readonly eventCount: number;
    /** Gives the client its own instruments back. */
    restore(): void;
}
/** Replaces a client's instruments; what is not stubbed is out of its sample. Call `restore` at the end. */
export declare function useFakeInstruments(client: Client): FakeInstruments;
