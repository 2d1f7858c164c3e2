import { describe, expect, it } from "vitest";
import { enrollmentHeaders, parseEnrollments } from "../src/enrollments.js";
import { readVectors } from "./vectors.js";
import enrollmentsText from "../../../vectors/enrollments.json?raw";

const { cases } = await readVectors<{ cases: { header: string; groups: Record<string, string> }[] }>(
  "enrollments.json",
  enrollmentsText,
);

describe("the edge's header", () => {
  it("is read as in all vectors", () => {
    expect(cases.length).toBeGreaterThan(60);
    for (const { header, groups } of cases) {
      const found = Object.fromEntries(parseEnrollments(header));
      expect({ header, groups: found }).toEqual({ header, groups });
    }
  });

  it("is written so that it reads the same, without names that it cannot carry", () => {
    const groups = { "first-test": "control", "second-test": "b", short: "b", "with space": "b" };
    const headers = enrollmentHeaders(groups);
    expect(headers).toEqual({
      "X-Experiment-Enrollments": "first-test=control;second-test=b;",
      "Server-Timing": 'WMF-Uniq;desc="first-test=control;second-test=b;"',
    });
    expect([...parseEnrollments(headers["X-Experiment-Enrollments"] as string)]).toEqual([
      ["first-test", "control"],
      ["second-test", "b"],
    ]);
    expect(enrollmentHeaders({ short: "b" })).toEqual({});
  });
});
