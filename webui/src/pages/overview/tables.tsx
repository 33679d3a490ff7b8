import type { ClientRow, Mode, VendorRow } from "../../lib/api";
import { ago, bytes, count, money } from "../../lib/format";
import { spent } from "../../lib/spent";
import type { Tone } from "../../lib/records";
import { Panel } from "../../parts/panel";
import { Pill } from "../../parts/pill";

/** Rows shown at first: a phone should not have to scroll through an office. */
const SHOWN = 8;

const TONES: Record<Mode, Tone> = {
  watched: "watched",
  inspected: "inspected",
  refused: "refused",
  passed: "quiet",
  admin: "quiet",
};

export function Clients({ rows, now }: { rows: readonly ClientRow[]; now: number }) {
  return (
    <Panel id="clients" title="Devices" aside={<span class="sum">{count(rows.length)}</span>}>
      {rows.length === 0 && <p class="empty">No device has talked to an AI service or looked for a way around yet.</p>}
      <ul class="rows">
        {rows.slice(0, SHOWN).map((row) => (
          <li key={row.client}>
            <strong>{row.client}</strong>
            <Pill tone={TONES[row.mode]}>{row.mode}</Pill>
            <span class="row-detail">{clientWords(row)}</span>
            <span class="row-aside">{ago(row.last_seen, now)}</span>
          </li>
        ))}
      </ul>
      <More rows={rows.length} />
    </Panel>
  );
}

export function Vendors({ rows }: { rows: readonly VendorRow[] }) {
  const cost = spent(rows);
  return (
    <Panel id="vendors" title="AI services" aside={<span class="sum">{count(rows.length)}</span>}>
      {rows.length === 0 && <p class="empty">None yet.</p>}
      <ul class="rows">
        {rows.slice(0, SHOWN).map((row) => (
          <li key={row.vendor}>
            <strong>{row.vendor}</strong>
            <span class="row-detail">{vendorWords(row)}</span>
            <span class="row-aside">{bytes(row.bytes_up)} up · {bytes(row.bytes_down)} down</span>
          </li>
        ))}
      </ul>
      <More rows={rows.length} />
      {cost !== "" && <p class="hint">{cost}</p>}
    </Panel>
  );
}

function More({ rows }: { rows: number }) {
  return rows > SHOWN ? <p class="hint">and {count(rows - SHOWN)} more</p> : null;
}

function clientWords({ connections, requests, bypasses, never_asks }: ClientRow): string {
  const said = parts([
    [connections.watched, "watched"],
    [connections.inspected, "inspected"],
    [connections.refused, "refused"],
    [requests.redact, "redacted"],
    [requests.deny, "stopped"],
    [bypasses, "looks for a way around"],
  ]);
  return [said, never_asks === true ? "never asks this device for names" : ""].filter((words) => words !== "").join(" · ");
}

function vendorWords(row: VendorRow): string {
  const { connections, requests, tokens_input, tokens_output, tokens_estimated, cost_micros, currency } = row;
  const counted = parts([
    [connections.watched, "watched"],
    [connections.inspected, "inspected"],
    [connections.refused, "refused"],
    [requests.redact, "redacted"],
    [requests.deny, "stopped"],
    [tokens_input + tokens_output, tokens_estimated > 0 ? "tokens, some of them estimated" : "tokens"],
  ]);
  return [counted, currency === null ? "" : money(cost_micros, currency)].filter((words) => words !== "").join(" · ");
}

/** `3 watched · 1 redacted`: what is none is left out. */
function parts(pairs: readonly (readonly [number, string])[]): string {
  return pairs.filter(([value]) => value > 0).map(([value, word]) => `${count(value)} ${word}`).join(" · ");
}
