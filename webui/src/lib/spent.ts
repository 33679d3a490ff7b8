/** What the services of the last 24 hours cost together. Pure. */

import type { VendorRow } from "./api";
import { count, money } from "./format";

type Spending = Pick<VendorRow, "cost_micros" | "currency" | "tokens_unpriced">;

/** One sentence; empty where no cost is known. */
export function spent(rows: readonly Spending[]): string {
  const sums = new Map<string, number>();
  for (const { cost_micros: micros, currency } of rows) {
    if (currency !== null) sums.set(currency, (sums.get(currency) ?? 0) + micros);
  }
  if (sums.size === 0) return "";
  const unpriced = rows.reduce((sum, row) => sum + row.tokens_unpriced, 0);
  const rest = unpriced > 0 ? `, and ${count(unpriced)} tokens whose price is not known` : "";
  const total = [...sums].map(([currency, micros]) => money(micros, currency)).join(" and ");
  return `By the vendors' published prices: ${total} in 24 hours${rest}.`;
}
