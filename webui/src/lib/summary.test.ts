import { expect, it } from "vitest";

import type { Overview } from "./api";
import { summary } from "./summary";

function overview(watched: number, inspected: number, refused: number, redact = 0, deny = 0): Overview {
  return {
    at: 0, since: null, live: true, connections: { watched, inspected, refused, passed: 0, admin: 0 },
    requests: { allow: 0, alert: 0, redact, deny },
    inspections: { allow: 0, alert: 0, redact: 0, deny: 0 }, dns: { questions: 0, steered: 0, failed: 0, refused: 0 },
    clients_by_mode: { watched: 0, inspected: 0, refused: 0 }, clients: [], vendors: [], accounts: [], shadows: [], findings: [],
    added_micros_p50: null, added_micros_p99: null, series: [], left_out: 0,
  };
}

it("says plainly that watched traffic is not read", () => {
  const { head, tail } = summary(overview(5, 0, 0));
  expect(head).toBe("5 AI connections from 0 devices.");
  expect(tail).toBe("All of them were watched only: Nano-Gate knows where they went, not what they said.");
});

it("counts what inspection did", () => {
  expect(summary(overview(1, 4, 1, 3, 1)).tail).toBe(
    "1 connection was watched only: Nano-Gate knows where they went, not what they said. " +
      "In the inspected ones, 3 prompts were redacted and 1 prompt stopped. 1 connection was refused.",
  );
  expect(summary(overview(0, 4, 0)).tail).toBe("Nothing sensitive had to be stopped in the inspected ones.");
});

it("never claims protection", () => {
  for (const numbers of [overview(0, 0, 0), overview(9, 0, 0), overview(3, 3, 3, 3, 3)]) {
    const { head, tail } = summary(numbers);
    expect(`${head} ${tail}`).not.toMatch(/protect|secure|safe/i);
  }
});
