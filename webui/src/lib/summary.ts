/** The one honest sentence over the overview. Pure. */

import type { Overview } from "./api";
import { plural } from "./format";

/** What the last day was, without calling anything "protected" that was only watched. */
export function summary(overview: Overview): { head: string; tail: string } {
  const { watched, inspected, refused } = overview.connections;
  const all = watched + inspected + refused;
  if (all === 0) {
    return { head: "No AI traffic yet.", tail: "As soon as a device in the office talks to an AI service, it shows here." };
  }
  const head = `${plural(all, "AI connection")} from ${plural(overview.clients.length, "device")}.`;
  const { redact, deny } = overview.requests;
  const acted = redact + deny;
  const tail = [
    watched > 0 && `${share(watched, all)} ${watched === 1 ? "was" : "were"} watched only: Nano-Gate knows where they went, not what they said.`,
    inspected > 0 &&
      (acted === 0
        ? "Nothing sensitive had to be stopped in the inspected ones."
        : `In the inspected ones, ${plural(redact, "prompt")} ${redact === 1 ? "was" : "were"} redacted and ${plural(deny, "prompt")} stopped.`),
    refused > 0 && `${plural(refused, "connection")} ${refused === 1 ? "was" : "were"} refused.`,
  ];
  return { head, tail: tail.filter((part) => part !== false).join(" ") };
}

function share(part: number, all: number): string {
  if (part === all) return all === 1 ? "It" : "All of them";
  return plural(part, "connection");
}
