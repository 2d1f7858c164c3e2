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
export class FakeExperiment implements Sender {
  readonly events: FakeEvent[] = [];

  constructor(
    readonly name: string,
    private readonly group: string | null,
    private readonly all: FakeEvent[],
  ) {}

  get eventCount(): number {
    return this.events.length;
  }

  getAssignedGroup(): string | null {
    return this.group;
  }

  isAssignedGroup(...groups: string[]): boolean {
    return this.group !== null && groups.includes(this.group);
  }

  send(action: string, data: Data = {}): void {
    if (this.group === null) return;
    const event = { experiment: this.name, action, data: { ...data } };
    this.events.push(event);
    this.all.push(event);
  }

  submitInteraction(action: string, data: Data = {}): void {
    this.send(action, data);
  }

  /** Once, as on one page. */
  sendExposure(): void {
    if (!this.events.some(({ action }) => action === "experiment_exposure")) {
      this.send("experiment_exposure");
    }
  }

  use(instrumentation: Instrumentation): this {
    if (this.group !== null) instrumentation(this);
    return this;
  }
}

/** An instrument whose events are only written down. */
export class FakeInstrument implements Sender {
  readonly events: FakeInstrumentEvent[] = [];

  constructor(
    readonly name: string,
    private readonly inSample: boolean,
    private readonly all: FakeInstrumentEvent[],
  ) {}

  get eventCount(): number {
    return this.events.length;
  }

  isInSample(): boolean {
    return this.inSample;
  }

  submitInteraction(action: string, data: Data = {}): void {
    if (!this.inSample) return;
    const position = { funnel_event_sequence_position: this.events.length + 1 };
    const event = { instrument: this.name, action, data: { ...position, ...data } };
    this.events.push(event);
    this.all.push(event);
  }

  send(action: string, data: Data = {}): void {
    this.submitInteraction(action, data);
  }

  use(instrumentation: Instrumentation): this {
    if (this.inSample) instrumentation(this);
    return this;
  }
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
export function useFakeExperiments(client: Client): FakeExperiments {
  const stubs = new Map<string, FakeExperiment>();
  const events: FakeEvent[] = [];
  const found = (name: string): FakeExperiment =>
    stubs.get(name) ?? new FakeExperiment(name, null, events);
  const doubles = {
    getExperiment: found,
    getExperimentBucketValue: (name: string) => found(name).getAssignedGroup(),
    getExperimentsByPrefix: (prefix: string) =>
      [...stubs.values()].filter(
        (stub) => stub.name.startsWith(prefix) && stub.getAssignedGroup() !== null,
      ),
  };
  return {
    stubExperiment(name, group) {
      const stub = new FakeExperiment(name, group, events);
      stubs.set(name, stub);
      return stub;
    },
    events,
    get eventCount() {
      return events.length;
    },
    restore: replace(client, doubles),
  };
}

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
export function useFakeInstruments(client: Client): FakeInstruments {
  const stubs = new Map<string, FakeInstrument>();
  const events: FakeInstrumentEvent[] = [];
  const getInstrument = (name: string): FakeInstrument =>
    stubs.get(name) ?? new FakeInstrument(name, false, events);
  return {
    stubInstrument(name, isInSample = true) {
      const stub = new FakeInstrument(name, isInSample, events);
      stubs.set(name, stub);
      return stub;
    },
    events,
    get eventCount() {
      return events.length;
    },
    restore: replace(client, { getInstrument }),
  };
}

/** Puts doubles over the client's own calls, which are its class's; gives what takes them away. */
function replace(client: Client, doubles: object): () => void {
  Object.assign(client, doubles);
  return () => {
    for (const name of Object.keys(doubles)) Reflect.deleteProperty(client, name);
  };
}
