import type { ComponentChildren } from "preact";

import type { Tone } from "../lib/records";

/** A message that a screen reader says at once. */
export function Notice({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <p class={`notice ${tone}`} role="status">{children}</p>;
}
