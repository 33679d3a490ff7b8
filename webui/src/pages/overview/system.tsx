import type { Overview, Status } from "../../lib/api";
import { age, bytes, count, plural } from "../../lib/format";
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
  return (
    <Panel id="system" title="This device" wide>
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
