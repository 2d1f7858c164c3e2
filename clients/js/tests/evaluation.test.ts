import { describe, expect, it } from "vitest";
import { evaluate, parseTime, type ExperimentItem } from "../src/evaluation.js";
import { readVectors } from "./vectors.js";
import bordersText from "../../../vectors/borders.json?raw";
import evaluationText from "../../../vectors/evaluation.json?raw";
import timesText from "../../../vectors/times.json?raw";

interface Case {
  experiment: ExperimentItem;
  subject: string;
  site: string | null;
  now: string;
  overrides: Record<string, string>;
  attributes: Record<string, unknown>;
  subject_id: string;
  group: string | null;
  reason: string;
}
const { cases } = await readVectors<{ cases: Case[] }>("evaluation.json", evaluationText);
const { cases: times } = await readVectors<{ cases: { text: string; ms: number | null }[] }>(
  "times.json",
  timesText,
);
const { cases: borders } = await readVectors<{ cases: Case[] }>("borders.json", bordersText);
const ITEM = { name: "e", groups: ["control", "b"], sample_rate: { default: 1 } };
const NOON = { now: new Date("2026-11-22T12:00:00Z") };

describe("the evaluation of an experiment", () => {
  it.each([
    ["evaluation", cases, 2500],
    ["borders", borders, 1491],
  ])("agrees with all vectors of %s", (_, cases, count) => {
    expect(cases).toHaveLength(count);
    for (const { experiment, subject, now, subject_id, group, reason, ...rest } of cases) {
      const found = evaluate(experiment, subject, { ...rest, now: new Date(now) });
      const said = { experiment: experiment.name, subjectId: subject_id, group, reason };
      if (JSON.stringify(found) !== JSON.stringify(said)) expect({ ...found, rest }).toEqual(said);
    }
  });

  it("reads all 1,500 texts of times", () => {
    expect(times).toHaveLength(1500);
    for (const { text, ms } of times) expect([text, parseTime(text)]).toEqual([text, ms]);
    expect([null, 7, ["2026-11-22"]].map(parseTime)).toEqual([null, null, null]);
  });

  it.each(["2026-11-22T12:00:01", "2026-11-22T12:00:01Z", "2026-11-22T13:00:01+01:00"])(
    "reads %s as one moment of UTC",
    (start) => {
      expect(evaluate({ ...ITEM, start }, "1", NOON).reason).toBe("not_active");
      const later = { now: new Date("2026-11-22T12:00:01Z") };
      expect(evaluate({ ...ITEM, start }, "1", later).reason).toBe("assigned");
    },
  );

  it.each([
    [{ targeting: { page_id: { is: 7 } } }, /page_id has the operator is; give one of contains, /],
    [{ targeting: { page_id: { toString: 7 } } }, /the operator toString/],
    [{ targeting: { page_id: { in: 7 } } }, /page_id: in has 7, which/],
    [{ targeting: { page_id: { less_than: "7" } } }, /less_than has "7", which/],
    [{ targeting: { page_id: { equals: [7] } } }, /equals has \[7\], which/],
    [{ layer: { name: "search", begin: 1, end: 1 } }, /e: 'layer' is {"name":"search"/],
    [{ holdouts: { name: "h", begin: 0, end: 1 } }, /e: 'holdouts' is {"name":"h".*; give a list/],
    [{ holdouts: [null] }, /e: 'holdouts' is \[null\]; give a list/],
    [{ name: "" }, /an experiment's 'name' is ""; give a text/],
    [{ groups: null }, /e: 'groups' is \[\]; give 1 to 10 texts/],
    [{ groups: ["a", "a"] }, /e: 'groups' is \["a","a"\]/],
    [{ weights: [1] }, /e: the weights are \[1\]/],
    [{ sample_rate: [] }, /e: 'sample_rate' is \[\]/],
    [{ sample_rate: { default: null } }, /e: 'sample_rate' is/],
    [{ sample_rate: { default: 1, 2: null } }, /e: a rate is "2"/],
    [{ layer: false }, /e: 'layer' is false; give an object/],
    [{ targeting: [] }, /e: 'targeting' is \[\]; give an object/],
    [{ phase_index: -1 }, /e: 'phase_index' is -1; give a whole/],
    [{ version: 1.5 }, /e: 'version' is 1.5/],
    [{ holdouts: [{ name: "h", begin: 0 }] }, /e: 'holdouts' is {"name":"h"/],
    [{ start: "soon" }, /e: 'start' is "soon"; give a time/],
    [{ sample_rate: { default: 2 } }, /e: a rate is 2/],
  ])("refuses %j", (changes, words) => {
    expect(() => evaluate({ ...ITEM, ...changes } as ExperimentItem, "1", NOON)).toThrow(words);
  });

  it("does not take what objects inherit for an attribute", () => {
    const targeting = { constructor: { not_equals: 1 } };
    expect(evaluate({ ...ITEM, targeting }, "1", NOON).reason).toBe("not_targeted");
  });
});
