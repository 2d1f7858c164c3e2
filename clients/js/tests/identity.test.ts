import { afterEach, expect, it, vi } from "vitest";
import { randomToken, randomUuid } from "../src/identity.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

afterEach(() => vi.unstubAllGlobals());

it.each([true, false])("makes UUIDs, on a secure origin (%s) or not", (isSecure) => {
  const getRandomValues = crypto.getRandomValues.bind(crypto);
  if (!isSecure) vi.stubGlobal("crypto", { getRandomValues });
  const made = new Set(Array.from({ length: 1_000 }, randomUuid));
  expect(made.size).toBe(1_000);
  for (const uuid of made) expect(uuid).toMatch(UUID);
  // Every digit that is not fixed takes every value.
  for (const at of [0, 15, 20, 35]) {
    expect(new Set([...made].map((uuid) => uuid[at])).size).toBe(16);
  }
});

it("makes tokens of 20 digits, each of which takes every value", () => {
  const made = Array.from({ length: 1_000 }, randomToken);
  for (const token of made) expect(token).toMatch(/^[0-9a-f]{20}$/);
  for (let at = 0; at < 20; at++) {
    expect(new Set(made.map((token) => token[at])).size).toBe(16);
  }
});
