import { describe, expect, it } from "vitest";

import { EMPTY, feed, MAX_LINES } from "./feed";
import type { Line } from "./records";

const line = (n: number): Line => ({
  id: `proxy-${n}`, process: "proxy", position: n, record: { at: n, event: {} },
});
const ids = (lines: readonly Line[] | null) => lines?.map((one) => one.position);

describe("the live feed", () => {
  it("shows each record once, newest first, whichever way it came", () => {
    const streamed = feed(EMPTY, { type: "add", lines: [line(3)] });
    const loaded = feed(streamed, { type: "add", lines: [line(3), line(2), line(1)] });
    expect(ids(feed(loaded, { type: "add", lines: [line(5), line(4)] }).lines)).toEqual([5, 4, 3, 2, 1]);
  });

  it("stands still while paused and catches up afterwards", () => {
    const paused = feed(feed(EMPTY, { type: "add", lines: [line(1)] }), { type: "pause" });
    const later = feed(paused, { type: "add", lines: [line(3), line(2)] });
    expect(ids(later.lines)).toEqual([1]);
    expect(ids(later.waiting)).toEqual([3, 2]);
    expect(ids(feed(later, { type: "pause" }).waiting)).toEqual([3, 2]);
    const resumed = feed(later, { type: "resume" });
    expect(ids(resumed.lines)).toEqual([3, 2, 1]);
    expect(resumed.waiting).toBeNull();
  });

  it("is bounded, running and paused", () => {
    const many = Array.from({ length: 1000 }, (_, n) => line(n));
    expect(feed(EMPTY, { type: "add", lines: many }).lines).toHaveLength(MAX_LINES);
    const paused = feed(feed(EMPTY, { type: "pause" }), { type: "add", lines: many });
    expect(ids(paused.waiting)?.[0]).toBe(999);
    expect(paused.waiting).toHaveLength(MAX_LINES);
  });
});
