import { describe as group, expect, it } from "vitest";

import { describe, type Event, reasonWords } from "./records";

const words = (event: Event) => describe({ id: "proxy-1", process: "proxy", position: 1, record: { at: 0, event } });

const connection = {
  client: "192.0.2.10:50000", host: "api.openai.com", dst: null, vendor: "openai", mode: "watched" as const, reason: null,
  bytes_up: 1200, bytes_down: 48_000, duration_micros: 1_200_000,
};

const request = {
  client: "192.0.2.11", connection: 1, host: "api.openai.com", vendor: "openai", model: "gpt-5", decision: "redact" as const,
  reason: null, findings: [{ kind: "email", action: "redact" as const, count: 2 }], usage: null, cost: null,
  attachments: [], more_attachments: 0,
};

group("what a record says", () => {
  it("never calls a watched connection protected or inspected", () => {
    const { label, tone, title, detail } = words({ connection });
    expect([label, tone]).toEqual(["watched", "watched"]);
    expect(title).toBe("192.0.2.10 → api.openai.com");
    expect(detail).toBe("1.2 kB up, 48 kB down, 1.2 s; content not read");
    expect(`${title} ${detail}`).not.toMatch(/protect|inspect|secure|safe/i);
  });

  it("says why a connection was refused", () => {
    const refused = { ...connection, mode: "refused" as const, host: null, dst: "203.0.113.7:443" };
    expect(words({ connection: { ...refused, reason: "no_sni" } }).detail).toBe("The client named no server");
    expect(words({ connection: { ...refused, reason: { policy: "no AI at night" } } }).detail).toBe(
      "The policy's rule “no AI at night” says no",
    );
    expect(words({ connection: { ...refused, reason: "no_sni" } }).title).toBe("192.0.2.10 → 203.0.113.7:443");
  });

  it("counts what was taken out or stopped", () => {
    expect(words({ request }).detail).toBe("Taken out: 2 × e-mail address");
    const denied = words({ request: { ...request, decision: "deny", reason: { finding: "private_key" } } });
    expect(denied.detail).toBe("Private key detected; nothing was sent");
    expect(denied.tone).toBe("refused");
    const api = words({ request: { ...request, connection: null, model: null, decision: "allow", findings: [] } });
    expect([api.title, api.detail]).toEqual(["192.0.2.11 → inspection API (openai)", "Nothing found"]);
  });

  it("says what was used, what it cost and what nobody read", () => {
    const allowed = { ...request, decision: "allow" as const, findings: [] };
    const usage = { input: 1200, output: 80, cached: 0, estimated: true };
    const cost = { micros: 1_234_567, currency: "USD", as_of: "2026-11-05" };
    expect(words({ request: { ...allowed, usage, cost } }).detail).toBe("Nothing found; about 1,200 tokens in, 80 out; $1.23");
    const file = { kind: "pdf" as const, bytes: 48_000 };
    const link = { kind: "link" as const, bytes: 30 };
    expect(words({ request: { ...request, attachments: [file, link], more_attachments: 0 } }).detail).toBe(
      "Taken out: 2 × e-mail address; unread: PDF (48 kB), link",
    );
    const refused = { ...request, decision: "deny" as const, reason: { policy: "uploads" }, attachments: [file] };
    expect(words({ request: refused }).detail).toBe("The policy's rule “uploads” says no; nothing was sent; unread: PDF (48 kB)");
    const many = { ...allowed, attachments: [file, file, file, file], more_attachments: 3 };
    expect(words({ request: many }).detail).toBe("Nothing found; unread: PDF (48 kB), PDF (48 kB), PDF (48 kB), 4 more");
  });

  it("has words for every other kind, and for those to come", () => {
    expect(words({ dns: { client: "192.0.2.10", name: "api.openai.com", outcome: { steered: { vendor: "openai" } } } }).detail)
      .toBe("Led to Nano-Gate");
    expect(words({ dns: { client: "192.0.2.9", name: "x.example", outcome: { refused: "not_local" } } }).detail).toBe(
      "Refused: the client is not in a local network",
    );
    expect(words({ dns: { client: "192.0.2.9", name: "dns.google", outcome: { refused: "encrypted_dns" } } }).detail).toBe(
      "Refused: it leads to a public resolver for encrypted DNS, around this network's own",
    );
    const admin = { client: "192.0.2.10", actor: "owner", command: "token_create", ok: true, detail: null };
    expect(words({ admin }).title).toBe("Token creation by owner from 192.0.2.10");
    const failed = words({ admin: { ...admin, command: "sign_in", actor: null, ok: false, detail: "The password is wrong." } });
    expect([failed.tone, failed.title, failed.detail]).toEqual(
      ["refused", "Sign-in by 192.0.2.10", "Refused: The password is wrong."],
    );
    expect(words({ process: { process: "proxy", pid: 7, state: "crashed" } }).tone).toBe("refused");
    expect(words({ steer: { rules: 1, destinations: 2, verified: false, error: null } }).detail).toBe("The read-back differs");
    const known = { connection: 7, client: "192.0.2.11", name: "ci-1", by: "certificate" as const };
    expect(words({ proxy_client: known }).title).toBe("192.0.2.11 is ci-1");
    const shadow = { client: "192.0.2.11", host: "api.unknown-ai.example", by: "name" as const };
    expect(words({ shadow }).detail).toBe("In no list; its name looks like AI");
    expect(words({ shadow: { ...shadow, by: "request" } }).label).toBe("shadow AI");
    const accounts = { client: "192.0.2.11", host: "api.openai.com", accounts: [{ kind: "key" as const, hash: "acc-1" }] };
    expect(words({ accounts: { ...accounts, known: false } }).detail).toBe("Key acc-1: not known as the office's own");
    expect(words({ accounts: { ...accounts, accounts: [], known: true } }).detail).toBe("None shown: the office's own");
    const fallback = { client: "192.0.2.11", host: "api.openai.com", runtime: "python" };
    const began = { ...fallback, change: { began: { cause: { alert: 48 }, until: 1 } } };
    expect(words({ fallback: began }).detail).toBe("Watched for 24 h, content not read: TLS alert 48");
    expect(words({ fallback: { ...fallback, change: "revoked" } }).label).toBe("inspected again");
    const who = { client: "192.0.2.11", host: "api.openai.com" };
    const placeholders = { ...who, replaced: [{ kind: "email", count: 2 }], restored: [] };
    expect(words({ placeholders: { ...placeholders, unedited: false } }).detail).toBe(
      "Left: 2 × e-mail address; put back: nothing",
    );
    expect(words({ placeholders: { ...placeholders, unedited: true } }).detail).toContain("could not be edited");
    const tally = { client: "192.0.2.10", seconds: 60, special: 1, own: 0, cached: 7, forwarded: 2, failed: 1, refused: 0 };
    expect([words({ dns_tally: tally }).title, words({ dns_tally: tally }).detail]).toEqual(
      ["192.0.2.10 asked 11 times", "Names of no AI provider: 10 answered, 1 without an answer"],
    );
    expect(words({}).title).toBe("proxy-1");
  });

  it("takes ports off IPv6 addresses too", () => {
    expect(words({ connection: { ...connection, client: "[2001:db8:1::10]:50000" } }).title).toBe(
      "2001:db8:1::10 → api.openai.com",
    );
  });

  it("keeps unknown reasons readable", () => {
    expect(reasonWords("brand_new")).toBe("brand new");
    expect(reasonWords({ brand_new: "x" })).toBe("brand new: x");
  });
});
