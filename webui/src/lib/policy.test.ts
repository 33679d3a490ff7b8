import { expect, it } from "vitest";

import { lineOf, rangeOf, STARTERS } from "./policy";

it("has starters that name the version of the format, each once", () => {
  expect(new Set(STARTERS.map((starter) => starter.id)).size).toBe(STARTERS.length);
  for (const starter of STARTERS) expect(starter.text, starter.id).toMatch(/^version: 1\n/);
});

it("finds the line that a refusal speaks of", () => {
  expect(lineOf("policy, line 3: default_mode: unknown variant `x`")).toBe(3);
  expect(lineOf("It cannot be written.")).toBeUndefined();
  const text = "version: 1\n\ndefault_mode: x\n";
  expect(text.slice(...rangeOf(text, 3))).toBe("default_mode: x");
  expect(rangeOf(text, 1)).toEqual([0, 10]);
  expect(rangeOf(text, 99)).toEqual([text.length, text.length]);
});
