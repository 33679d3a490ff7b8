import { describe, expect, it } from "vitest";

import { listName, listWords } from "./lists";

const list = (list: string, names: number, foreign_lines: number) => ({ list, names, foreign_lines, error: null });

describe("block lists", () => {
  it.each([
    [list("a", 12_000, 3), "12,000 names, 3 lines not understood"],
    [list("a", 1, 1), "1 name, 1 line not understood"],
    [list("a", 0, 0), "0 names"],
  ])("says of %o what of it counts", (shown, words) => { expect(listWords(shown)).toBe(words); });

  it.each([
    ["/etc/lists/ads.txt", "ads.txt"],
    ["https://lists.example/hosts/", "hosts"],
    ["https://lists.example", "lists.example"],
    ["/", "/"],
  ])("calls %s %s", (whole, name) => { expect(listName(list(whole, 0, 0))).toBe(name); });
});
