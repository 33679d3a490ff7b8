#!/usr/bin/env node
// What Chromium says of servers' certificates, with the trust store of the user's own (NSS, in $HOME/.pki/nssdb).
//
//   node visit.mjs [--chromium PATH] HOST=PORT…
//
// Each host is asked for at its port on loopback. Prints one JSON object: the host, and "accepted" or Chromium's error.

import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

const { values: options, positionals } = parseArgs({
  options: { chromium: { type: "string", default: "/usr/bin/chromium" } },
  allowPositionals: true,
});
const places = positionals.map((place) => place.split("="));
const browser = await chromium.launch({
  executablePath: options.chromium,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    `--host-resolver-rules=${places.map(([host]) => `MAP ${host} 127.0.0.1`).join(",")}`,
  ],
});
try {
  const said = {};
  for (const [host, port] of places) {
    const page = await browser.newPage();
    try {
      await page.goto(`https://${host}:${port}/`);
      said[host] = "accepted";
    } catch (error) {
      said[host] = error.message.match(/net::\w+/)?.[0] ?? error.message;
    }
    await page.close();
  }
  console.log(JSON.stringify(said));
} finally {
  await browser.close();
}
