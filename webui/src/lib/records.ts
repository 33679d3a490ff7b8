/** Journal records, and what they say in plain words. Pure. */

import type { AccountRow, Decision, Mode } from "./api";
import { bytes, count, duration, money, plural } from "./format";

/** A reason is a word, or a word with a detail. */
export type Reason = string | Record<string, string>;

export interface DnsEvent {
  client: string;
  name: string;
  outcome: string | { steered?: { vendor: string }; refused?: Reason };
}

/** The questions of one client that were not steered, counted over a minute. */
export interface DnsTally {
  client: string | null;
  seconds: number;
  special: number;
  own: number;
  cached: number;
  forwarded: number;
  failed: number;
  refused: number;
}

/** What was noticed of one device beside its questions. */
export interface DnsDevice {
  client: string;
  steered: number;
  canaries: number;
  bypass: { name: string; vendor: string; count: number }[];
  bypass_unnamed: number;
  never_asks: boolean;
}

export interface ConnectionEvent {
  client: string;
  host: string | null;
  dst: string | null;
  vendor: string | null;
  mode: Mode;
  reason: Reason | null;
  bytes_up: number;
  bytes_down: number;
  duration_micros: number;
}

export interface FindingCount {
  kind: string;
  action: Decision;
  count: number;
}

export interface RequestEvent {
  client: string;
  connection: number | null;
  host: string;
  vendor: string;
  model: string | null;
  decision: Decision;
  reason: Reason | null;
  findings: FindingCount[];
  usage: Usage | null;
  /** By published prices, in millionths of the currency. */
  cost: { micros: number; currency: string; as_of: string } | null;
  attachments: Attachment[];
  more_attachments: number;
}

export interface Usage {
  input: number;
  output: number;
  cached: number;
  /** Guessed, because the provider counted nothing. */
  estimated: boolean;
}

/** Something in a request that nobody read. */
export interface Attachment {
  kind: "pdf" | "office" | "image" | "audio" | "video" | "archive" | "link" | "unknown";
  bytes: number;
}

export interface AdminEvent {
  client: string | null;
  actor: string | null;
  command: string;
  ok: boolean;
  detail: string | null;
}

export interface SteerEvent {
  rules: number;
  destinations: number;
  verified: boolean;
  error: string | null;
}

export interface ProcessEvent {
  process: string;
  pid: number;
  state: "started" | "stopped" | "crashed" | "stalled" | "resumed";
}

/** A client does not take the certificate and is watched from here on, or no longer. */
export interface FallbackEvent {
  client: string;
  host: string;
  runtime: string;
  change: "revoked" | { began: { cause: "closed" | { alert: number }; until: number } };
}

/** A client of the CONNECT proxy that has proven who it is. */
export interface ProxyClientEvent {
  connection: number;
  client: string;
  name: string;
  by: "token" | "certificate" | "both";
}

/** Whose accounts at a provider a client uses. */
export interface AccountsEvent {
  client: string;
  host: string;
  accounts: { kind: AccountRow["kind"]; hash: string }[];
  known: boolean;
}

/** A client talks to what looks like AI and is in no list. */
export interface ShadowEvent {
  client: string;
  host: string;
  by: "name" | "request";
}

/** What left as placeholders in one request, and came back in its answer. */
export interface PlaceholdersEvent {
  client: string;
  host: string;
  replaced: KindCount[];
  restored: KindCount[];
  unedited: boolean;
}

export interface KindCount {
  kind: string;
  count: number;
}

export interface Event {
  dns?: DnsEvent;
  connection?: ConnectionEvent;
  request?: RequestEvent;
  steer?: SteerEvent;
  admin?: AdminEvent;
  process?: ProcessEvent;
  dns_tally?: DnsTally;
  dns_device?: DnsDevice;
  fallback?: FallbackEvent;
  placeholders?: PlaceholdersEvent;
  proxy_client?: ProxyClientEvent;
  accounts?: AccountsEvent;
  shadow?: ShadowEvent;
}

export interface Line {
  id: string;
  process: string;
  position: number;
  record: { at: number; event: Event };
}

/** How a row is coloured: by what happened to the content, never by "good" and "bad". */
export type Tone = "watched" | "inspected" | "refused" | "changed" | "quiet";

/** One record for people. */
export interface Words {
  tone: Tone;
  label: string;
  /** Who, and to whom. */
  title: string;
  detail: string;
}

const PROXY_WORDS = {
  token: "It showed the proxy a token",
  certificate: "It showed the proxy a certificate",
  both: "It showed the proxy a token and a certificate",
};

export function describe(line: Line): Words {
  const { dns, connection, request, steer, admin, process, dns_tally: tally, dns_device: device, fallback, placeholders } =
    line.record.event;
  const { proxy_client: known, accounts, shadow } = line.record.event;
  if (connection) return describeConnection(connection);
  if (request) return describeRequest(request);
  if (dns) return describeDns(dns);
  if (tally) return describeTally(tally);
  if (device) return describeDevice(device);
  if (admin) return describeAdmin(admin);
  if (process) return describeProcess(process);
  if (steer) return describeSteer(steer);
  if (fallback) return describeFallback(fallback);
  if (placeholders) return describePlaceholders(placeholders);
  if (shadow) return describeShadow(shadow);
  if (accounts) return describeAccounts(accounts);
  if (known) return { tone: "quiet", label: "proxy", title: `${known.client} is ${known.name}`, detail: PROXY_WORDS[known.by] };
  return { tone: "quiet", label: "record", title: line.id, detail: "This page does not know its kind yet." };
}

function describeConnection(event: ConnectionEvent): Words {
  const title = `${withoutPort(event.client)} → ${event.host ?? event.dst ?? "an unnamed server"}`;
  const traffic = `${bytes(event.bytes_up)} up, ${bytes(event.bytes_down)} down, ${duration(event.duration_micros)}`;
  const why = event.reason === null ? "" : ` – ${reasonWords(event.reason)}`;
  switch (event.mode) {
    case "watched":
      return { tone: "watched", label: "watched", title, detail: `${traffic}; content not read${why}` };
    case "inspected":
      return { tone: "inspected", label: "inspected", title, detail: `${traffic}${why}` };
    case "refused":
      return { tone: "refused", label: "refused", title, detail: sentence(reasonWords(event.reason ?? "unknown")) };
    case "admin":
      return { tone: "quiet", label: "this page", title: withoutPort(event.client), detail: "Opened the admin page" };
    case "passed":
      return { tone: "quiet", label: "passed", title, detail: `Not AI; ${traffic}` };
  }
}

function describeRequest(event: RequestEvent): Words {
  const model = event.model === null ? "" : ` · ${event.model}`;
  const where = event.connection === null ? `inspection API (${event.vendor})` : event.host;
  const title = `${event.client} → ${where}${model}`;
  const [found, used] = [findingWords(event.findings), usedWords(event)];
  switch (event.decision) {
    case "deny": {
      const why = event.reason === null ? found : reasonWords(event.reason);
      return { tone: "refused", label: "denied", title, detail: `${sentence(why || "policy says no")}; nothing was sent${used}` };
    }
    case "redact":
      return { tone: "changed", label: "redacted", title, detail: `Taken out: ${found}${used}` };
    case "alert":
      return { tone: "inspected", label: "alert", title, detail: `Sent unchanged, noted: ${found || "what cannot be read"}${used}` };
    case "allow":
      return { tone: "inspected", label: "allowed", title, detail: `${allowedWords(found)}${used}` };
  }
}

function allowedWords(found: string): string {
  return found === "" ? "Nothing found" : `Found and allowed: ${found}`;
}

const FILES: Record<Attachment["kind"], string> = {
  pdf: "PDF",
  office: "office document",
  image: "image",
  audio: "sound",
  video: "video",
  archive: "archive",
  link: "link",
  unknown: "file",
};

/** `; unread: PDF (48 kB), 2 more; about 1,200 tokens in, 80 out; under $0.01` */
function usedWords({ usage, cost, attachments, more_attachments: more }: RequestEvent): string {
  const files = attachments.map(({ kind, bytes: size }) => (kind === "link" ? FILES[kind] : `${FILES[kind]} (${bytes(size)})`));
  const unread = [...files.slice(0, 3), ...(files.length + more > 3 ? [`${count(files.length + more - 3)} more`] : [])];
  const parts = [
    unread.length > 0 ? `unread: ${unread.join(", ")}` : "",
    usage ? `${usage.estimated ? "about " : ""}${count(usage.input)} tokens in, ${count(usage.output)} out` : "",
    cost ? money(cost.micros, cost.currency) : "",
  ];
  return parts.filter((words) => words !== "").map((words) => `; ${words}`).join("");
}

function describeDns(event: DnsEvent): Words {
  const title = `${event.client} asked for ${event.name}`;
  if (typeof event.outcome === "string") return { tone: "quiet", label: "dns", title, detail: sentence(event.outcome) };
  if (event.outcome.steered) return { tone: "quiet", label: "dns", title, detail: "Led to Nano-Gate" };
  const why = event.outcome.refused === undefined ? "" : `: ${reasonWords(event.outcome.refused)}`;
  return { tone: "quiet", label: "dns", title, detail: `Refused${why}` };
}

function describeTally(tally: DnsTally): Words {
  const { special, own, cached, forwarded, failed, refused } = tally;
  const answered = special + own + cached + forwarded;
  const title = `${tally.client ?? "Other clients"} asked ${plural(answered + failed + refused, "time")}`;
  const parts = [
    [answered, "answered"],
    [failed, "without an answer"],
    [refused, "refused"],
  ] as const;
  const detail = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return { tone: "quiet", label: "dns", title, detail: `Names of no AI provider: ${detail.join(", ")}` };
}

function describeDevice(device: DnsDevice): Words {
  const { client, steered, canaries, bypass, bypass_unnamed: unnamed } = device;
  if (device.never_asks) {
    return { tone: "quiet", label: "dns", title: `${client} never asks`, detail: "It is on the network and uses another DNS server." };
  }
  const named = bypass.map((one) => `${one.name} (${plural(one.count, "time")})`);
  const parts = [
    [unnamed, "other ways around"],
    [canaries, "tries whether this network resolves for itself"],
    [steered, "about AI, not named"],
  ] as const;
  const counted = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  const around = named.length > 0 || unnamed > 0;
  const title = around ? `${client} looked for a way around` : `${client} asked`;
  const detail = [...named, ...counted].join(", ");
  return { tone: "quiet", label: "dns", title, detail: detail === "" ? "It asks this device now" : detail };
}

const COMMANDS: Record<string, string> = {
  ca_download: "Certificate download",
  claim: "Claim",
  fallback_revoke: "Fall-back revocation",
  inspect: "Inspection",
  sign_in: "Sign-in",
  sign_out: "Sign-out",
  token_create: "Token creation",
  token_revoke: "Token revocation",
};

function describeAdmin(event: AdminEvent): Words {
  const who = [event.actor, event.client].filter((part) => part !== null).join(" from ");
  const command = COMMANDS[event.command] ?? sentence(event.command.replaceAll("_", " "));
  const title = who === "" ? command : `${command} by ${who}`;
  const detail = event.ok ? "Done" : `Refused: ${event.detail ?? "no reason given"}`;
  return { tone: event.ok ? "quiet" : "refused", label: "admin", title, detail };
}

function describeProcess(event: ProcessEvent): Words {
  const tone = event.state === "crashed" || event.state === "stalled" ? "refused" : "quiet";
  return { tone, label: "process", title: `${event.process} ${event.state}`, detail: `Process ${event.pid}` };
}

function describeSteer(event: SteerEvent): Words {
  const title = `Kernel rules: ${plural(event.rules, "rule")}, ${plural(event.destinations, "destination")}`;
  const good = event.verified && event.error === null;
  const detail = event.error ?? (good ? "Read back and equal" : "The read-back differs");
  return { tone: good ? "quiet" : "refused", label: "steering", title, detail };
}

function describeFallback({ client, host, change }: FallbackEvent): Words {
  const title = `${client} → ${host}`;
  if (change === "revoked") return { tone: "inspected", label: "inspected again", title, detail: "Its fall-back was revoked" };
  const { cause } = change.began;
  const why = cause === "closed" ? "it closes when it sees the certificate" : `TLS alert ${cause.alert}`;
  return { tone: "watched", label: "falls back", title, detail: `Watched for 24 h, content not read: ${why}` };
}

function describePlaceholders({ client, host, replaced, restored, unedited }: PlaceholdersEvent): Words {
  const words = (counts: readonly KindCount[]) => findingWords(counts) || "nothing";
  const answer = unedited ? "the answer could not be edited" : `put back: ${words(restored)}`;
  const detail = `Left: ${words(replaced)}; ${answer}`;
  return { tone: "changed", label: "placeholders", title: `${client} → ${host}`, detail };
}

/** What an account is told by. */
export const ACCOUNT_WORDS: Record<AccountRow["kind"], string> = {
  key: "key",
  login: "login",
  organization: "organisation",
  answered: "organisation, as the service says,",
};

function describeShadow({ client, host, by }: ShadowEvent): Words {
  const detail = by === "name" ? "In no list; its name looks like AI" : "In no list; what was said to it in the clear is for a model";
  return { tone: "watched", label: "shadow AI", title: `${client} → ${host}`, detail };
}

function describeAccounts({ client, host, accounts, known }: AccountsEvent): Words {
  const shown = accounts.map(({ kind, hash }) => `${ACCOUNT_WORDS[kind]} ${hash}`).join(", ");
  const detail = `${sentence(shown || "none shown")}: ${known ? "the office's own" : "not known as the office's own"}`;
  return { tone: known ? "quiet" : "watched", label: "account", title: `${client} → ${host}`, detail };
}

/** `3 × e-mail, 1 × API key` */
export function findingWords(findings: readonly KindCount[]): string {
  return findings.map((finding) => `${finding.count} × ${kindWords(finding.kind)}`).join(", ");
}

const KINDS: Record<string, string> = {
  api_key: "API key",
  aws_access_key: "AWS access key",
  card: "payment card",
  credit_card: "payment card",
  email: "e-mail address",
  iban: "IBAN",
  ip_address: "IP address",
  jwt: "JWT",
  phone: "phone number",
  private_key: "private key",
  ssn: "social security number",
};

/** A kind of finding as people call it. */
export function kindWords(kind: string): string {
  return KINDS[kind] ?? kind.replaceAll("_", " ");
}

const REASONS: Record<string, string> = {
  no_sni: "the client named no server",
  bad_sni: "the server name is not a host name",
  not_in_catalogue: "the name is not one that is steered here",
  not_tls: "the first bytes are not TLS",
  bad_hello: "the TLS greeting cannot be read",
  hello_too_large: "the TLS greeting is too large",
  hello_timeout: "the TLS greeting took too long",
  client_gone: "the client went away",
  ssrf_guard: "the name leads to an address that is never dialled",
  unresolvable: "the name does not resolve",
  upstream_unreachable: "the provider cannot be reached",
  upstream_certificate: "the provider's certificate does not verify",
  upstream_handshake: "the TLS handshake with the provider failed",
  client_handshake: "the client broke the TLS handshake (does it trust the certificate?)",
  upstream_reset: "the provider broke the exchange",
  client_reset: "the client broke the exchange",
  host_mismatch: "the request names another host than the connection",
  bad_request: "the request is not valid",
  bad_encoding: "the body's encoding cannot be read",
  body_too_large: "the body is too large to inspect",
  out_of_budget: "too many bodies were being inspected at once",
  scan_budget: "the body is too costly to inspect",
  frozen_content: "something sensitive stands in content that may not be edited",
  not_local: "the client is not in a local network",
  rate_limited: "the client passed its limit",
  bad_question: "the question is not one that is served",
  idle_timeout: "it was idle for too long",
  shutdown: "Nano-Gate was stopping",
  internal: "an internal fault",
  unauthenticated: "the proxy wants to know who asks, by a token or a certificate that is good",
  encrypted_dns: "it leads to a public resolver for encrypted DNS, around this network's own",
};

/** A journal reason in words; the words of the daemon where it has them. */
export function reasonWords(reason: Reason): string {
  if (typeof reason === "string") return REASONS[reason] ?? reason.replaceAll("_", " ");
  const [word, detail] = Object.entries(reason)[0] ?? ["unknown", ""];
  if (word === "policy") return `the policy's rule “${detail}” says no`;
  if (word === "finding") return `${kindWords(detail)} detected`;
  return `${word.replaceAll("_", " ")}: ${detail}`;
}

function withoutPort(address: string): string {
  return address.replace(/^\[(.*)\]:\d+$/, "$1").replace(/^([\d.]+):\d+$/, "$1");
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
