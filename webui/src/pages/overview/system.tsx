import type { Overview, Status } from "../../lib/api";
import { age, bytes, count, plural } from "../../lib/format";
import { listName, listWords } from "../../lib/lists";
import { shortfallWords } from "../../lib/shortfalls";
import { Notice } from "../../parts/notice";
import { Panel } from "../../parts/panel";

const MODES: Record<string, string> = {
  dns: "DNS: the office asks this device for names",
  gateway: "Gateway: the office's traffic runs through this device",
  explicit: "Explicit: programs name this device as their proxy",
};

/** The device itself: what runs, and what it is built from. */
export function System({ status, dns }: { status: Status; dns: Overview["dns"] }) {
  const facts = [
    ["Name", status.host],
    ["Version", status.version],
    ["Stands as", MODES[status.mode] ?? status.mode],
    ["Running for", age(status.uptime_seconds)],
    ["DNS questions", `${count(dns.questions)}, ${count(dns.steered)} led here, ${count(dns.failed)} failed`],
  ];
  const shortfalls = shortfallWords(status.shortfalls);
  if (shortfalls !== "") facts.push(["Fell short", shortfalls]);
  return (
    <Panel id="system" title="This device" wide>
      {status.warnings.map((warning) => (
        <Notice key={warning} tone="refused">{sentence(warning)}</Notice>
      ))}
      <div class="system">
        <dl class="facts">
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <ul class="processes">
          {status.processes.map((process) => (
            <li key={process.name} class={process.pid === null ? "down" : ""}>
              <strong>{process.name}</strong>
              <span>{process.pid === null ? "down" : process.rss_bytes === null ? "running" : bytes(process.rss_bytes)}</span>
              {process.restarts > 0 && <span class="hint">{plural(process.restarts, "restart")}</span>}
            </li>
          ))}
        </ul>
        <ul class="processes upstreams">
          {status.upstreams.map((upstream) => (
            <li key={(upstream.whose ?? "") + upstream.upstream} class={upstream.working ? "" : "down"}>
              <strong>{upstream.upstream}</strong>
              <span>{upstreamWords(upstream)}</span>
              {upstream.whose !== null && <span class="hint">for {upstream.whose}</span>}
            </li>
          ))}
        </ul>
        {status.block_lists.length > 0 && (
          <ul class="processes lists">
            {status.block_lists.map((list) => (
              <li key={list.list} class={list.error === null ? "" : "down"} title={list.list}>
                <strong>{listName(list)}</strong>
                <span>{listWords(list)}</span>
                <span class="hint">{list.error ?? "block list"}</span>
              </li>
            ))}
          </ul>
        )}
        <ul class="packs">
          {status.packs.map((pack) => (
            <li key={pack.name}>
              <span>{pack.name}</span>
              <span class="hint">{plural(pack.entries, "entry").replace("entrys", "entries")} · {pack.version}</span>
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  );
}

function upstreamWords(upstream: Status["upstreams"][number]): string {
  if (upstream.asks_us) return "left out: it asks this device";
  if (!upstream.working) return "does not answer";
  if (upstream.makes_up) return "makes answers up";
  if (upstream.tcp_only) return "answers over TCP alone";
  return upstream.strips_signatures ? "answers without signatures" : "answers";
}

/** Warnings are written for a terminal: without a capital letter and a full stop. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
