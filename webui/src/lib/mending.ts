/** What a program that does not take the certificate needs, in one line. Pure. */

import type { Fallback } from "./api";

/** Where the certificate is kept on machines that need it as a file. */
const FILE = "/usr/local/share/ca-certificates/nanogate.crt";
const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

export interface Mending {
  /** The runtime as people call it. */
  name: string;
  fix: string;
}

/** The runtime that was guessed, and its fix. `origin` is where this page is open. */
export function mending(runtime: string, origin: string): Mending {
  return (TABLE.get(runtime) ?? system("A program"))(origin);
}

const system = (name: string) => (origin: string): Mending => ({
  name,
  fix: `sudo curl -ko ${FILE} ${origin}/ca/nanogate.pem && sudo update-ca-certificates`,
});

const TABLE = new Map<string, (origin: string) => Mending>(Object.entries({
  apple: (origin) => ({ name: "A program of Apple's, or on its system", fix: `${origin}/ca/nanogate.mobileconfig` }),
  chromium: system("A browser of Chromium's family"),
  codex: () => ({ name: "Codex, or another program in Rust", fix: `export CODEX_CA_CERTIFICATE=${FILE} SSL_CERT_FILE=${BUNDLE}` }),
  curl: system("curl"),
  electron: () => ({ name: "An Electron program", fix: `export NODE_EXTRA_CA_CERTS=${FILE}` }),
  firefox: () => ({
    name: "Firefox",
    fix: `echo '{"policies":{"Certificates":{"ImportEnterpriseRoots":true}}}' | sudo tee /etc/firefox/policies/policies.json`,
  }),
  go: () => ({ name: "A program in Go", fix: `export SSL_CERT_FILE=${BUNDLE}` }),
  java: () => ({
    name: "A program in Java",
    fix: "sudo keytool -importcert -cacerts -storepass changeit -noprompt -alias nanogate -file nanogate.pem",
  }),
  node: () => ({ name: "A program in Node.js", fix: `export NODE_EXTRA_CA_CERTS=${FILE}` }),
  python: () => ({ name: "A program in Python", fix: `export SSL_CERT_FILE=${BUNDLE} REQUESTS_CA_BUNDLE=${BUNDLE}` }),
  windows: () => ({
    name: "A Windows program",
    fix: "certutil -addstore -f Root nanogate.crt",
  }),
}));

/** Why a client is watched instead of inspected. */
export function whyWords({ cause }: Pick<Fallback, "cause">): string {
  if (cause === "closed") return "It closes when it sees the certificate";
  return cause.alert === 48 ? "It does not know the certificate's authority" : `It refuses the certificate (TLS alert ${cause.alert})`;
}
