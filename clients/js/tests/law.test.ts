import { describe, expect, it } from "vitest";
import { allocate, inSample, parseOverrides, parseRate, subjectHash } from "../src/law.js";
import { hex, sha256 } from "../src/sha256.js";
import { readVectors } from "./vectors.js";
import allocationText from "../../../vectors/allocation.json?raw";
import overridesText from "../../../vectors/overrides.json?raw";
import readingText from "../../../vectors/reading.json?raw";
import samplingText from "../../../vectors/sampling.json?raw";

interface Case {
  subject: string;
  experiment: string;
  groups: string[];
  weights: number[] | null;
  rate: number;
  subject_id: string;
  enrolled: boolean;
  group: string | null;
}
const { cases } = await readVectors<{ cases: Case[] }>("allocation.json", allocationText);
const reading = await readVectors<{
  rates: { text: string; rate: number | null }[];
}>("reading.json", readingText);
const sampling = await readVectors<{ cases: { id: string; rate: number; in: boolean }[] }>(
  "sampling.json",
  samplingText,
);
const overrides = await readVectors<{ cases: { text: string; forced: Record<string, string> }[] }>(
  "overrides.json",
  overridesText,
);

describe("the law of allocation", () => {
  it("agrees with all 10,000 vectors", () => {
    expect(cases).toHaveLength(10_000);
    for (const { subject, experiment: name, groups, weights, rate, ...said } of cases) {
      const { subjectId, enrolled, group } = allocate({ name, groups, weights }, subject, rate);
      const found = { subject_id: subjectId, enrolled, group };
      if (JSON.stringify(found) !== JSON.stringify(said)) expect({ name, subject, rate, ...found }).toEqual(said);
    }
  });

  it.each([
    ["\ud800", "\ufffd"],
    ["a\ud800b", "a\ufffdb"],
    ["\udc00\ud800", "\ufffd\ufffd"],
  ])("counts the lone surrogates of %j as U+FFFD", (subject, like) => {
    expect(subjectHash(subject, "e")).toBe(subjectHash(like, "e"));
  });

  it("does not join halves of a character across subject and experiment", () => {
    expect(subjectHash("\ud83d", "\ude00")).toBe(subjectHash("\ufffd", "\ufffd"));
  });

  it.each([
    [{ name: "e", groups: [] }, 1, /e: there are no groups/],
    [{ name: "e", groups: ["a"] }, 1.5, /e: the rate is 1.5/],
    [{ name: "e", groups: ["a"] }, Number.NaN, /e: the rate is NaN/],
    [{ name: "e", groups: ["a", "b"], weights: [1] }, 1, /weights are \[1\]/],
    [{ name: "e", groups: ["a", "b"], weights: [0, 0] }, 1, /weights are \[0,0\]/],
    [{ name: "e", groups: ["a"], weights: [1.5] }, 1, /weights are \[1.5\]/],
    [{ name: "e", groups: ["a", "b"], weights: [3, -1] }, 1, /weights are \[3,-1\]/],
  ])("refuses %j at rate %d", (experiment, rate, message) => {
    expect(() => allocate(experiment, "1", rate)).toThrow(message);
  });
});

describe("sha256", () => {
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
  ])("gives the digest that FIPS 180-4 prints for %j", (text, digest) => {
    expect(hex(sha256(text))).toBe(digest);
  });
});

describe("reading", () => {
  it.each(reading.rates)("reads the rate $text as $rate", ({ text, rate }) => {
    expect(parseRate(text)).toBe(rate);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -0.1, 1.1, true, null, undefined, [], ["1"], {}])(
    "refuses %j as a rate",
    (found) => {
      expect(parseRate(found)).toBeNull();
    },
  );

  it("says of all 1,500 units whether they are in a sample", () => {
    expect(sampling.cases).toHaveLength(1500);
    for (const { id, rate, ...said } of sampling.cases) {
      expect({ id, rate, in: inSample(id, rate) }).toEqual({ id, rate, ...said });
    }
  });

  it("reads all 600 texts of overrides", () => {
    expect(overrides.cases).toHaveLength(600);
    for (const { text, forced } of overrides.cases) {
      expect([text, [...parseOverrides(text)].sort()]).toEqual([text, Object.entries(forced).sort()]);
    }
  });
});
