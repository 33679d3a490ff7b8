import { expect, it } from "vitest";

import { pageOf } from "./route";
import { fetching, runtimes } from "./snippets";

const ORIGIN = "https://nanogate.office.example";

it("has install and removal for every runtime, each once", () => {
  const all = runtimes(ORIGIN);
  expect(new Set(all.map((runtime) => runtime.id)).size).toBe(all.length);
  for (const runtime of all) {
    expect(runtime.install.trim(), runtime.id).not.toBe("");
    expect(runtime.remove.trim(), runtime.id).not.toBe("");
    expect(runtime.note.trim(), runtime.id).not.toBe("");
  }
});

it("knows the variable or command that each runtime reads", () => {
  const text = runtimes(ORIGIN).map((runtime) => runtime.install).join("\n");
  for (const word of ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "keytool", "update-ca-certificates"]) {
    expect(text).toContain(word);
  }
});

it("points at the place this page came from, and always shows the fingerprint", () => {
  expect(fetching(ORIGIN)).toContain(`${ORIGIN}/ca/nanogate.pem`);
  expect(fetching(ORIGIN)).toContain("-fingerprint -sha256");
});

it("finds the page in the address", () => {
  expect(["", "#/trust", "#tokens", "#/nowhere"].map(pageOf)).toEqual(["overview", "trust", "tokens", "overview"]);
});
