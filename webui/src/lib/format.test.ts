import { describe, expect, it } from "vitest";

import { age, ago, bytes, count, duration, money, plural } from "./format";

describe("numbers for people", () => {
  it.each([
    [0, "0 B"], [999, "999 B"], [1000, "1 kB"], [1234, "1.2 kB"], [123_456, "123 kB"], [999_949, "1 MB"],
    [5_000_000_000, "5 GB"], [7e15, "7000 TB"],
  ])("writes %d bytes as %s", (value, words) => { expect(bytes(value)).toBe(words); });

  it.each([
    [0, "0 µs"], [999, "999 µs"], [1500, "1.5 ms"], [999_700, "1 s"], [1_000_000, "1 s"], [59_900_000, "59.9 s"],
    [120_000_000, "2 min"],
  ])("writes %d microseconds as %s", (value, words) => { expect(duration(value)).toBe(words); });

  it.each([[5, "5 s"], [61, "1 min"], [7200, "2 h"], [172_800, "2 days"]])("writes %d seconds as %s", (value, words) => {
    expect(age(value)).toBe(words);
  });

  it("says how long ago, also when the clocks differ", () => {
    expect(ago(1_000_000, 500_000)).toBe("just now");
    expect(ago(0, 90e6)).toBe("1 min ago");
  });

  it.each([
    [0, "USD", "$0.00"], [9_999, "USD", "under $0.01"], [10_000, "USD", "$0.01"], [1_234_567, "EUR", "€1.23"],
    [1_234_567_890_000, "USD", "$1,234,567.89"],
  ])("writes %d millionths of %s as %s", (value, currency, words) => { expect(money(value, currency)).toBe(words); });

  it("groups digits and knows one from many", () => {
    expect(count(1234567)).toBe("1,234,567");
    expect([plural(0, "rule"), plural(1, "rule"), plural(2, "rule")]).toEqual(["0 rules", "1 rule", "2 rules"]);
  });
});
