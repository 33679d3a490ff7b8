import type { AccountRow } from "../../lib/api";
import { ago, count } from "../../lib/format";
import { ACCOUNT_WORDS } from "../../lib/records";
import { Panel } from "../../parts/panel";
import { Pill } from "../../parts/pill";

/** Rows shown at first. */
const SHOWN = 12;

/** Whose accounts inspected clients use. Nothing where none was seen. */
export function Accounts({ rows, now }: { rows: readonly AccountRow[]; now: number }) {
  if (rows.length === 0) return null;
  return (
    <Panel id="accounts" title="Accounts at AI services" aside={<span class="sum">{count(rows.length)}</span>} wide>
      <p class="hint">
        Keys and logins by what this device makes of them, never themselves. To call one the office's own, list it under{" "}
        <code>accounts: known</code> in the policy; <code>unknown</code> there says whether others are reported or refused.
      </p>
      <ul class="rows">
        {rows.slice(0, SHOWN).map((row) => (
          <li key={`${row.client} ${row.vendor} ${row.hash}`}>
            <strong>{row.client} → {row.vendor}</strong>
            <Pill tone={row.known ? "inspected" : "watched"}>{row.known ? "the office's" : "unknown"}</Pill>
            <span class="row-detail">{ACCOUNT_WORDS[row.kind]} <code>{row.hash}</code></span>
            <span class="row-aside">{ago(row.last_seen, now)}</span>
          </li>
        ))}
      </ul>
      {rows.length > SHOWN && <p class="hint">and {count(rows.length - SHOWN)} more: <code>nanogate account list</code></p>}
    </Panel>
  );
}
