import type { ShadowRow } from "../../lib/api";
import { ago, count } from "../../lib/format";
import { Panel } from "../../parts/panel";

/** Rows shown at first. */
const SHOWN = 8;

/** What looks like AI and is in no list. Nothing where none was seen. */
export function Shadows({ rows, now }: { rows: readonly ShadowRow[]; now: number }) {
  if (rows.length === 0) return null;
  return (
    <Panel id="shadows" title="Perhaps AI, in no list" aside={<span class="sum">{count(rows.length)}</span>}>
      <p class="hint">By a name, or a request in the clear. Neither is proof, and nothing was held back.</p>
      <ul class="rows">
        {rows.slice(0, SHOWN).map((row) => (
          <li key={`${row.client} ${row.host}`}>
            <strong>{row.client} → {row.host}</strong>
            <span class="row-detail">{row.by_request ? "a request to a model" : "by its name"}</span>
            <span class="row-aside">{ago(row.last_seen, now)}</span>
          </li>
        ))}
      </ul>
      {rows.length > SHOWN && <p class="hint">and {count(rows.length - SHOWN)} more</p>}
    </Panel>
  );
}
