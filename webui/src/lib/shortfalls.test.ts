import { describe, expect, it } from "vitest";

import { shortfallWords } from "./shortfalls";

const NONE = { unread_answers: 0, unedited_answers: 0, passed_with_ech: 0, refused_with_ech: 0, journal_failures: 0 };

describe("what fell short", () => {
  it("is told where there is any, and nothing else", () => {
    expect(shortfallWords(NONE)).toBe("");
    expect(shortfallWords({ ...NONE, unread_answers: 2, journal_failures: 1 })).toBe(
      "answers whose tokens could not be read: 2, records that the journal did not take: 1",
    );
  });
});
