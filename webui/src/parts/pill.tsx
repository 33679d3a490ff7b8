import type { Tone } from "../lib/records";

/** A small coloured word; the word itself carries the meaning, the colour only helps. */
export function Pill({ tone, children }: { tone: Tone; children: string }) {
  return <span class={`pill ${tone}`}>{children}</span>;
}
