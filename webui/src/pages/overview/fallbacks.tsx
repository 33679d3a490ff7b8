import { api, type Fallback, Refusal } from "../../lib/api";
import { count } from "../../lib/format";
import { mending, whyWords } from "../../lib/mending";
import { Copy } from "../../parts/copy";
import { Panel } from "../../parts/panel";

interface Props {
  rows: readonly Fallback[];
  now: number;
  onChanged: () => void;
  onTrouble: (words: string) => void;
}

/** Programs that do not take the certificate: watched for a day, each with what would mend it. Nothing where there are none. */
export function Fallbacks({ rows, now, onChanged, onTrouble }: Props) {
  if (rows.length === 0) return null;
  const revoke = (row: Fallback) => {
    api.revokeFallback(row.id).then(onChanged, (error: unknown) => {
      onTrouble(error instanceof Refusal ? error.message : String(error));
    });
  };
  return (
    <Panel id="fallbacks" title="Not inspected, though they should be" aside={<span class="sum">{count(rows.length)}</span>} wide>
      <p class="hint">
        These programs refuse the certificate, so they are only watched until it is installed for them, a day has passed, or
        you revoke it. A group with <code>strict: true</code> in the policy stays refused instead.
      </p>
      <ul class="rows">
        {rows.map((row) => {
          const { name, fix } = mending(row.runtime, location.origin);
          return (
            <li key={row.id}>
              <strong>{row.client} → {row.host}</strong>
              <span class="row-detail">
                {whyWords(row)}: watched for {hours(row.until - now)} more. {name}, as far as can be told. Mend it with:
              </span>
              <button type="button" class="button small" onClick={() => { revoke(row); }}>
                Revoke<span class="unseen"> for {row.client}</span>
              </button>
              <Copy text={fix} label={`Make ${row.client} trust the certificate`} />
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

function hours(micros: number): string {
  return `${Math.max(0, Math.ceil(micros / 3_600_000_000))} h`;
}
