import { expect, it } from "vitest";

import { spent } from "./spent";

const row = (cost_micros: number, currency: string | null, tokens_unpriced = 0) => ({ cost_micros, currency, tokens_unpriced });

it("adds up what is known, by currency, and says what is not", () => {
  expect(spent([])).toBe("");
  expect(spent([row(0, null, 400)])).toBe("");
  expect(spent([row(1_500_000, "USD"), row(750_000, "USD")])).toBe("By the vendors' published prices: $2.25 in 24 hours.");
  expect(spent([row(1_500_000, "USD"), row(20_000, "EUR"), row(0, null, 1200)])).toBe(
    "By the vendors' published prices: $1.50 and €0.02 in 24 hours, and 1,200 tokens whose price is not known.",
  );
});
