import { expect, it } from "vitest";

import { mending, whyWords } from "./mending";

const ORIGIN = "https://nanogate.office.example";

it("names the one thing that each runtime reads, on one line", () => {
  const rows = {
    apple: "/ca/nanogate.mobileconfig",
    chromium: "update-ca-certificates",
    codex: "CODEX_CA_CERTIFICATE",
    curl: "update-ca-certificates",
    electron: "NODE_EXTRA_CA_CERTS",
    firefox: "ImportEnterpriseRoots",
    go: "SSL_CERT_FILE",
    java: "keytool",
    node: "NODE_EXTRA_CA_CERTS",
    python: "REQUESTS_CA_BUNDLE",
    windows: "certutil",
  };
  for (const [runtime, word] of Object.entries(rows)) {
    expect(mending(runtime, ORIGIN).fix, runtime).toContain(word);
    expect(mending(runtime, ORIGIN).fix, runtime).not.toContain("\n");
  }
});

it("sends what it does not know to the system's store", () => {
  for (const runtime of ["unknown", "constructor", ""]) {
    expect(mending(runtime, ORIGIN).fix).toContain(`${ORIGIN}/ca/nanogate.pem`);
  }
});

it("says how a client refused", () => {
  expect(whyWords({ cause: "closed" })).toContain("closes");
  expect(whyWords({ cause: { alert: 48 } })).toContain("authority");
  expect(whyWords({ cause: { alert: 42 } })).toContain("42");
});
