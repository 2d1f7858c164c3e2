import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Delivery } from "../../src/node/delivery.js";
import { Intake, until } from "./servers.js";

let intake: Intake;
let warnings: string[];
const made: Delivery[] = [];

function delivery(changes: object = {}): Delivery {
  const one = new Delivery({
    intakeUrl: `${intake.url}?hasty=false`,
    lingerSeconds: 0.01,
    ...changes,
  });
  made.push(one);
  return one;
}

const numbers = (): unknown[] => intake.events.map(({ number }) => number);

beforeEach(async () => {
  warnings = [];
  vi.spyOn(console, "warn").mockImplementation((text) => void warnings.push(String(text)));
  intake = await new Intake().open();
});

afterEach(async () => {
  await Promise.all(made.splice(0).map((one) => one.close(0)));
  await intake.close();
  vi.restoreAllMocks();
});

describe("the delivery", () => {
  it("brings events whole, in order, in batches of at most a hundred", async () => {
    const found = delivery();
    for (let number = 0; number < 250; number++) expect(found.submit({ number })).toBe(true);
    expect(found.pending).toBe(250);
    expect(await found.flush()).toBe(true);
    expect(numbers()).toEqual([...Array(250).keys()]);
    expect(intake.batches).toEqual([100, 100, 50]);
    expect(found.counts).toEqual({
      offered: 250,
      sent: 250,
      accepted: 250,
      rejected: 0,
      dropped: {},
      pending: 0,
      lastProblem: "",
    });
  });

  it("goes without being asked, soon after the first event", async () => {
    delivery().submit({ number: 1 });
    await until(() => intake.events.length);
    const [request] = intake.requests;
    expect(request?.url).toBe("/v1/events?hasty=false");
    expect(request?.headers["content-type"]).toBe("application/json");
    expect(request?.headers["x-allotment-sdk"]).toBe("node/0.1.0");
    expect(request?.headers["user-agent"]).toBe("allotment-node");
  });

  it("takes an event as it is at the call", async () => {
    const found = delivery();
    const event = { number: 1 };
    found.submit(event);
    event.number = 2;
    await found.flush();
    expect(numbers()).toEqual([1]);
  });

  it("gzips on request", async () => {
    const found = delivery({ compress: true });
    found.submit({ number: "é" });
    await found.flush();
    expect(numbers()).toEqual(["é"]);
    expect(intake.requests[0]?.headers["content-encoding"]).toBe("gzip");
  });

  it.each([408, 429, 500, 502, 503, 504, 0])("tries again after %j", async (status) => {
    intake.script = [{ status, headers: { "Retry-After": "0.01" } }];
    const found = delivery();
    found.submit({ number: 1 });
    expect(await found.flush()).toBe(true);
    expect(numbers()).toEqual([1]);
    expect(found.counts.accepted).toBe(1);
    expect(warnings).toHaveLength(1);
  });

  it("waits as long as the intake asks it to, unless it is flushed", async () => {
    const asks = { status: 503, headers: { "Retry-After": "0.4" } };
    intake.script = [asks];
    const found = delivery();
    found.submit({ number: 1 });
    await until(() => intake.requests.length);
    const begin = Date.now();
    await until(() => intake.events.length);
    expect(Date.now() - begin).toBeGreaterThan(300);
    intake.script = [{ ...asks, headers: { "Retry-After": "10" } }];
    found.submit({ number: 2 });
    await until(() => intake.requests.length === 3);
    await until(() => found.counts.lastProblem.includes("503"));
    expect(await found.flush(5)).toBe(true);
    expect(numbers()).toEqual([1, 2]);
  });

  it("waits for an intake that is down, and delivers when it is back", async () => {
    const { port } = intake;
    await intake.close();
    const found = delivery();
    found.submit({ number: 1 });
    await until(() => found.counts.lastProblem.includes("ECONNREFUSED"));
    intake = await new Intake().open(port);
    expect(await found.flush()).toBe(true);
    expect(numbers()).toEqual([1]);
  });

  it("does not try again what is refused, and says why, but not what", async () => {
    const error = { context: { errorsText: "'.action' is bad" }, event: { secret: "name" } };
    intake.script = [{ status: 400, body: { invalid: [error] } }, { status: 500, body: { error: [error] } }];
    const found = delivery();
    for (const number of [1, 2]) {
      found.submit({ number });
      expect(await found.flush()).toBe(true);
    }
    expect(found.counts).toMatchObject({ accepted: 0, rejected: 2, sent: 2 });
    expect(found.counts.lastProblem).toBe("status 500: '.action' is bad");
    expect(warnings.join()).not.toContain("name");
  });

  it("counts both where some are refused", async () => {
    intake.script = [{ status: 207, body: { invalid: [{}], error: [{}] } }];
    const found = delivery();
    for (const number of [1, 2, 3]) found.submit({ number });
    await found.flush();
    expect(found.counts).toMatchObject({ accepted: 1, rejected: 2 });
    expect(found.counts.lastProblem).toBe("status 207: the answer gives no reason");
  });

  it("halves a batch that is too large until it fits", async () => {
    intake.script = [{ status: 413 }, { status: 413 }, { status: 413 }];
    const found = delivery();
    for (const number of [1, 2, 3, 4]) found.submit({ number });
    await found.flush();
    expect(numbers()).toEqual([2, 3, 4]);
    expect(found.counts.dropped).toEqual({ too_large: 1 });
  });

  it("never sends more than a megabyte at once, in bytes", async () => {
    const found = delivery();
    const text = "é".repeat(200_000); // 400 kB
    for (const number of [1, 2, 3]) found.submit({ number, text });
    expect(found.submit({ text: text.repeat(3) })).toBe(false);
    await found.flush();
    expect(intake.batches).toEqual([2, 1]);
    expect(found.counts.dropped).toEqual({ too_large: 1 });
  });

  it("counts what is no JSON, and what comes when the queue is full", async () => {
    const found = delivery({ capacity: 2 });
    expect(found.submit({ number: 1n })).toBe(false);
    for (const number of [1, 2]) expect(found.submit({ number })).toBe(true);
    expect(found.submit({ number: 3 })).toBe(false);
    await found.flush();
    expect(numbers()).toEqual([1, 2]);
    expect(found.counts.dropped).toEqual({ not_json: 1, queue_full: 1 });
  });

  it("gives up after its time, and counts", async () => {
    intake.script = Array(50).fill({ status: 503 });
    const found = delivery({ giveUpSeconds: 0.05 });
    found.submit({ number: 1 });
    expect(await found.flush(5)).toBe(true);
    expect(found.counts.dropped).toEqual({ unreachable: 1 });
  });

  it("flushes for no longer than it is told", async () => {
    intake.script = Array(50).fill({ status: 503 });
    const found = delivery();
    found.submit({ number: 1 });
    const begin = Date.now();
    expect(await found.flush(0.05)).toBe(false);
    expect(Date.now() - begin).toBeLessThan(2_000);
    expect(found.pending).toBe(1);
  });
});

describe("a delivery that is closed", () => {
  it("has brought what waited", async () => {
    const found = delivery({ lingerSeconds: 60 });
    found.submit({ number: 1 });
    await found.close();
    expect(numbers()).toEqual([1]);
    expect(found.submit({ number: 2 })).toBe(false);
    expect(found.counts.dropped).toEqual({ closed: 1 });
  });

  it("ends in time where the intake does not answer, and counts", async () => {
    intake.script = Array(200).fill({ status: 503 });
    const found = delivery();
    for (let number = 0; number < 150; number++) found.submit({ number });
    await until(() => intake.requests.length);
    const begin = Date.now();
    await found.close(0.1);
    expect(Date.now() - begin).toBeLessThan(3_000);
    await until(() => found.pending === 0);
    expect(found.counts.dropped).toEqual({ closed: 150 });
  });
});

it.each(["", "127.0.0.1", "file:///etc"])("refuses %j as an address", (intakeUrl) => {
  expect(() => new Delivery({ intakeUrl })).toThrow(/is no address/);
});
