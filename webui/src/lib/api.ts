/** The admin API as this page uses it; `/api/openapi.json` is its full description. */

import type { Line } from "./records";

export type Mode = "watched" | "inspected" | "refused" | "passed" | "admin";
export type Decision = "allow" | "alert" | "redact" | "deny";
export type Scope = "inspect" | "metrics" | "proxy";

export interface Session {
  claimed: boolean;
  signed_in: boolean;
  /** The device's button was pressed a moment ago: no code is needed. */
  button: boolean;
  /** What keeps the puck from its work and needs a person; nobody may be able to sign in until it is mended. */
  trouble?: string;
}

export type ModeCounts = Record<Mode, number>;
export type DecisionCounts = Record<Decision, number>;

export interface Point {
  start: number;
  watched: number;
  inspected: number;
  refused: number;
  redacted: number;
  denied: number;
}

export interface ClientRow {
  client: string;
  mode: Mode;
  connections: ModeCounts;
  requests: DecisionCounts;
  /** Questions for encrypted resolvers and VPNs. */
  bypasses: number;
  canaries: number;
  never_asks: boolean | null;
  last_seen: number;
}

export interface VendorRow {
  vendor: string;
  connections: ModeCounts;
  requests: DecisionCounts;
  bytes_up: number;
  bytes_down: number;
  tokens_input: number;
  tokens_output: number;
  /** Of both: not counted by the vendor, but guessed. */
  tokens_estimated: number;
  /** Of both: of models whose price is not known. */
  tokens_unpriced: number;
  /** What the others cost by published prices, in millionths of the currency. */
  cost_micros: number;
  currency: string | null;
}

export interface FindingRow {
  kind: string;
  kb: string;
  count: number;
}

export interface Overview {
  at: number;
  since: number | null;
  live: boolean;
  connections: ModeCounts;
  requests: DecisionCounts;
  /** Texts judged for other gateways. */
  inspections: DecisionCounts;
  dns: { questions: number; steered: number; failed: number; refused: number };
  clients_by_mode: { watched: number; inspected: number; refused: number };
  clients: ClientRow[];
  vendors: VendorRow[];
  /** Those that are not the office's own first. */
  accounts: AccountRow[];
  shadows: ShadowRow[];
  findings: FindingRow[];
  added_micros_p50: number | null;
  added_micros_p99: number | null;
  series: Point[];
  left_out: number;
}

/** One account at a vendor in one client's hands. */
export interface AccountRow {
  client: string;
  vendor: string;
  /** What the policy calls it by. */
  hash: string;
  kind: "key" | "login" | "organization" | "answered";
  known: boolean;
  last_seen: number;
}

/** What looks like AI and is in no list. */
export interface ShadowRow {
  client: string;
  host: string;
  by_request: boolean;
  last_seen: number;
}

export interface Status {
  version: string;
  mode: string;
  host: string;
  uptime_seconds: number;
  processes: { name: string; pid: number | null; rss_bytes: number | null; restarts: number }[];
  packs: { name: string; version: string; entries: number }[];
  /** What a person should mend. */
  warnings: string[];
  upstreams: {
    upstream: string;
    whose: string | null;
    working: boolean;
    failure: string | null;
    strips_signatures: boolean;
    tcp_only: boolean;
    asks_us: boolean;
    makes_up: boolean;
  }[];
  block_lists: BlockList[];
  shortfalls: Shortfalls;
}

/** What the proxy could not do as it should, since it started. */
export interface Shortfalls {
  unread_answers: number;
  unedited_answers: number;
  passed_with_ech: number;
  refused_with_ech: number;
  journal_failures: number;
}

/** A list of names that are not answered. */
export interface BlockList {
  list: string;
  names: number;
  foreign_lines: number;
  error: string | null;
}

export interface Authority {
  subject: string;
  fingerprint_sha256: string;
  not_after: number;
  permitted_names: string[];
  /** Steered names that it leaves out: there clients are only watched. */
  missing_names: string[];
  /** Its key cannot be opened: it issues nothing, and inspected clients are refused. */
  locked: boolean;
  pem: string;
  /** What is to be installed before it takes over. */
  next: Successor | null;
}

export interface Successor {
  fingerprint_sha256: string;
  not_after: number;
  pem: string;
}

/** A client that is watched because it does not take the certificate. */
export interface Fallback {
  id: string;
  client: string;
  host: string;
  vendor: string;
  ja4: string;
  runtime: string;
  cause: "closed" | { alert: number };
  since: number;
  until: number;
}

/** The policy as its owner wrote it. */
export interface Policy {
  /** Empty where there is none yet. */
  text: string;
  /** To be sent with what replaces it. */
  revision: string;
  /** The file on the machine that it can be changed in only. */
  file: string | null;
}

export interface Token {
  id: string;
  name: string;
  scopes: Scope[];
  created_at: number;
}

/** A refusal in the server's own words (RFC 9457). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** The server marks with this header what cannot come from another site's page. */
const FROM_THIS_PAGE = { "X-Nanogate": "1" };

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const request: RequestInit = { method, headers: { ...FROM_THIS_PAGE, Accept: "application/json" } };
  if (body !== undefined) {
    request.headers = { ...FROM_THIS_PAGE, "Content-Type": "application/json" };
    request.body = JSON.stringify(body);
  }
  const response = await fetch(path, request).catch(() => {
    throw new Refusal(0, "unreachable", "Nano-Gate does not answer. Is this device still on the office network?");
  });
  if (!response.ok) throw await refusal(response);
  return ([202, 204].includes(response.status) ? undefined : await response.json()) as T;
}

async function refusal(response: Response): Promise<Refusal> {
  const problem = (await response.json().catch(() => ({}))) as { type?: string; detail?: string };
  const code = problem.type?.replace("urn:nanogate:problem:", "") ?? "unknown";
  return new Refusal(response.status, code, problem.detail ?? `The server answered ${response.status}.`);
}

export const api = {
  session: () => call<Session>("GET", "/api/v1/session"),
  claim: (code: string | undefined, password: string) =>
    call<undefined>("POST", "/api/v1/claim", code === undefined ? { password } : { code, password }),
  signIn: (password: string) => call<undefined>("POST", "/api/v1/sign-in", { password }),
  signOut: () => call<undefined>("POST", "/api/v1/sign-out"),
  overview: () => call<Overview>("GET", "/api/v1/overview"),
  status: () => call<Status>("GET", "/api/v1/status"),
  records: (kinds: string) => call<{ records: Line[]; more: boolean }>("GET", `/api/v1/records?limit=60&kinds=${kinds}`),
  authority: () => call<Authority>("GET", "/api/v1/ca"),
  activateSuccessor: (fingerprint: string) =>
    call<undefined>("POST", "/api/v1/ca/activate", { fingerprint_sha256: fingerprint }),
  fallbacks: () => call<{ fallbacks: Fallback[] }>("GET", "/api/v1/fallbacks"),
  revokeFallback: (id: string) => call<undefined>("DELETE", `/api/v1/fallbacks/${encodeURIComponent(id)}`),
  policy: () => call<Policy>("GET", "/api/v1/policy"),
  replacePolicy: (text: string, revision: string) =>
    call<{ revision: string; warnings: string[] }>("PUT", "/api/v1/policy", { text, revision }),
  tokens: () => call<{ tokens: Token[] }>("GET", "/api/v1/tokens"),
  createToken: (name: string, scopes: Scope[]) =>
    call<Token & { secret: string }>("POST", "/api/v1/tokens", { name, scopes }),
  revokeToken: (id: string) => call<undefined>("DELETE", `/api/v1/tokens/${encodeURIComponent(id)}`),
};
