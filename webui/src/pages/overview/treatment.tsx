import type { Mode, Overview } from "../../lib/api";
import { count, plural } from "../../lib/format";

type Shown = Extract<Mode, "watched" | "inspected" | "refused">;

/** What each treatment means, in words that promise no more than it does. */
const MEANING: Record<Shown, string> = {
  watched: "Relayed unread. Nano-Gate sees who talks to which service and how much, not what is said. This is not protection.",
  inspected: "Read by Nano-Gate on the way. Secrets and personal data are taken out or stopped, as the policy says.",
  refused: "Not let through, with the reason in the journal.",
};

/** The three ways a connection is treated, as one bar and three cards. */
export function Treatment({ numbers }: { numbers: Overview }) {
  const modes: Shown[] = ["watched", "inspected", "refused"];
  return (
    <section class="treatment" aria-label="How AI connections were treated">
      <div class="bar" aria-hidden="true">
        {modes.filter((mode) => numbers.connections[mode] > 0).map((mode) => (
          <span key={mode} class={mode} style={{ flexGrow: numbers.connections[mode] }} />
        ))}
      </div>
      <div class="cards">
        {modes.map((mode) => (
          <article key={mode} class={`card ${mode}`}>
            <h2>{mode}</h2>
            <p class="number" data-count={mode}>{count(numbers.connections[mode])}</p>
            <p class="meaning">{MEANING[mode]}</p>
            <p class="devices">{plural(numbers.clients_by_mode[mode], "device")} under this rule now</p>
          </article>
        ))}
      </div>
    </section>
  );
}
