/** The live feed as a value: newest first, bounded, each record once, with a pause. Pure. */

import type { Line } from "./records";

/** Rows on the page; more only cost memory, nobody reads them. */
export const MAX_LINES = 200;

export interface Feed {
  lines: readonly Line[];
  /** What came while paused, newest first; `null` when running. */
  waiting: readonly Line[] | null;
}

export type FeedAction = { type: "add"; lines: readonly Line[] } | { type: "pause" } | { type: "resume" };

export const EMPTY: Feed = { lines: [], waiting: null };

export function feed(state: Feed, action: FeedAction): Feed {
  switch (action.type) {
    case "add":
      if (state.waiting !== null) return { ...state, waiting: merged(action.lines, state.waiting) };
      return { ...state, lines: merged(action.lines, state.lines) };
    case "pause":
      return { ...state, waiting: state.waiting ?? [] };
    case "resume":
      return { lines: merged(state.waiting ?? [], state.lines), waiting: null };
  }
}

function merged(newer: readonly Line[], older: readonly Line[]): Line[] {
  const byId = new Map([...older, ...newer].map((line) => [line.id, line]));
  return [...byId.values()].sort((a, b) => b.record.at - a.record.at).slice(0, MAX_LINES);
}
