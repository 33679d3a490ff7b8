import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { api, type Fallback, type Overview as Numbers, Refusal, type Status } from "../lib/api";
import { count, duration, plural } from "../lib/format";
import { useLive } from "../lib/live";
import { kindWords } from "../lib/records";
import { summary } from "../lib/summary";
import { Chart } from "../parts/chart";
import { FeedList } from "../parts/feed-list";
import { Notice } from "../parts/notice";
import { Panel } from "../parts/panel";
import { Clients, Vendors } from "./overview/tables";
import { Accounts } from "./overview/accounts";
import { Fallbacks } from "./overview/fallbacks";
import { Shadows } from "./overview/shadows";
import { System } from "./overview/system";
import { Treatment } from "./overview/treatment";

/** New records ask for new numbers, but not more often than this. */
const REFRESH_MS = 1000;

/** Numbers age out of the 24 hours even when nothing happens. */
const IDLE_REFRESH_MS = 30_000;

export function Overview({ onSignedOut }: { onSignedOut: () => void }) {
  const { numbers, status, fallbacks, trouble, refresh, fail } = useNumbers(onSignedOut);
  const [dns, setDns] = useState(false);
  const live = useLive(dns, refresh);
  if (!numbers) return trouble === undefined ? null : <Notice tone="refused">{trouble}</Notice>;
  const words = summary(numbers);
  return (
    <div class="overview">
      <div class="hero">
        <p class="eyebrow">Last 24 hours</p>
        <h1>{words.head}</h1>
        <p class="lead">{words.tail}</p>
        {trouble !== undefined && <Notice tone="refused">{trouble}</Notice>}
        {!numbers.live && <Notice tone="refused">The journals cannot be followed right now: the numbers stand still.</Notice>}
      </div>
      <Treatment numbers={numbers} />
      <Fallbacks rows={fallbacks} now={numbers.at} onChanged={refresh} onTrouble={fail} />
      <Panel id="day" title="Connections by half-hour" wide>
        <Chart series={numbers.series} />
      </Panel>
      <Prompts numbers={numbers} />
      <Findings numbers={numbers} />
      <LiveFeed live={live} dns={dns} onDns={setDns} />
      <Clients rows={numbers.clients} now={numbers.at} />
      <Vendors rows={numbers.vendors} />
      <Shadows rows={numbers.shadows} now={numbers.at} />
      <Accounts rows={numbers.accounts} now={numbers.at} />
      {status && <System status={status} dns={numbers.dns} />}
    </div>
  );
}

/** The numbers, fetched again when there is something new. */
function useNumbers(onSignedOut: () => void) {
  const [numbers, setNumbers] = useState<Numbers>();
  const [status, setStatus] = useState<Status>();
  const [fallbacks, setFallbacks] = useState<Fallback[]>([]);
  const [trouble, setTrouble] = useState<string>();
  const timer = useRef<number | undefined>(undefined);

  const fetchAll = useCallback(() => {
    timer.current = undefined;
    Promise.all([api.overview(), api.status(), api.fallbacks()]).then(
      ([overview, report, standing]) => {
        setFallbacks(standing.fallbacks);
        setNumbers(overview);
        setStatus(report);
        setTrouble(undefined);
      },
      (error: unknown) => {
        if (error instanceof Refusal && error.status === 401) onSignedOut();
        else setTrouble(error instanceof Refusal ? error.message : String(error));
      },
    );
  }, [onSignedOut]);
  const refresh = useCallback(() => {
    timer.current ??= window.setTimeout(fetchAll, REFRESH_MS);
  }, [fetchAll]);

  useEffect(() => {
    fetchAll();
    const idle = window.setInterval(fetchAll, IDLE_REFRESH_MS);
    return () => {
      window.clearInterval(idle);
      window.clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [fetchAll]);

  return { numbers, status, fallbacks, trouble, refresh, fail: setTrouble };
}

function Prompts({ numbers }: { numbers: Numbers }) {
  const { allow, alert, redact, deny } = numbers.requests;
  const rows = [
    { name: "Sent as they were", value: allow, tone: "inspected" },
    { name: "Sent, with a note", value: alert, tone: "inspected" },
    { name: "Redacted, then sent", value: redact, tone: "changed" },
    { name: "Stopped", value: deny, tone: "refused" },
  ];
  const { added_micros_p50: half, added_micros_p99: most, inspections } = numbers;
  const judged = inspections.allow + inspections.alert + inspections.redact + inspections.deny;
  return (
    <Panel id="prompts" title="Inspected prompts" aside={<span class="sum">{count(allow + alert + redact + deny)}</span>}>
      <dl class="figures">
        {rows.map((row) => (
          <div key={row.name}>
            <dt><i class={`dot ${row.tone}`} aria-hidden="true" />{row.name}</dt>
            <dd>{count(row.value)}</dd>
          </div>
        ))}
      </dl>
      {half !== null && most !== null && (
        <p class="hint">
          Added delay: at most {duration(half)} for half of them, {duration(most)} for 99 of 100.
        </p>
      )}
      {judged > 0 && <p class="hint">And {plural(judged, "text")} judged for other gateways.</p>}
    </Panel>
  );
}

function Findings({ numbers }: { numbers: Numbers }) {
  const rows = numbers.findings.slice(0, 6);
  const top = Math.max(1, ...rows.map((row) => row.count));
  return (
    <Panel id="findings" title="What was found in them">
      {rows.length === 0 && <p class="empty">Nothing sensitive so far. Only inspected prompts are read.</p>}
      <dl class="bars">
        {rows.map((row) => (
          <div key={row.kb + row.kind}>
            <dt>{kindWords(row.kind)}</dt>
            <dd>
              <meter min={0} max={top} value={row.count} aria-hidden="true" />
              <span>{count(row.count)}</span>
            </dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

interface FeedProps {
  live: ReturnType<typeof useLive>;
  dns: boolean;
  onDns: (dns: boolean) => void;
}

function LiveFeed({ live, dns, onDns }: FeedProps) {
  const { feed, dispatch, connected } = live;
  const paused = feed.waiting !== null;
  const waiting = feed.waiting?.length ?? 0;
  const lines = dns ? feed.lines : feed.lines.filter((line) => !line.record.event.dns);
  const controls = (
    <div class="controls">
      <span class={connected && !paused ? "beacon on" : "beacon"}>
        {paused ? "paused" : connected ? "live" : "connecting…"}
      </span>
      <label class="check">
        <input type="checkbox" checked={dns} onChange={(event) => { onDns(event.currentTarget.checked); }} />
        DNS
      </label>
      <button type="button" class="button small" onClick={() => { dispatch({ type: paused ? "resume" : "pause" }); }}>
        {!paused ? "Pause" : waiting === 0 ? "Resume" : `Resume (${waiting} new)`}
      </button>
    </div>
  );
  return (
    <Panel id="feed" title="Live" aside={controls} wide>
      <FeedList lines={lines.slice(0, 60)} />
    </Panel>
  );
}
