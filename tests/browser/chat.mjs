#!/usr/bin/env node
// What a chat page in Chromium shows of what a person says in it, with the trust store of the user's own (NSS).
//
//   node chat.mjs [--chromium PATH] --url URL -- TEXT…
//
// Opens the page anew for each text. Prints a JSON array: of each what the page shows of the answer, in how many pieces it
// came, and what was heard over its WebSocket.

import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

const { values: options, positionals: texts } = parseArgs({
  options: { chromium: { type: "string", default: "/usr/bin/chromium" }, url: { type: "string" } },
  allowPositionals: true,
});
const PATIENCE = 30_000;
const browser = await chromium.launch({
  executablePath: options.chromium,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
try {
  const shown = [];
  for (const text of texts) {
    const page = await browser.newPage();
    await page.goto(`${options.url}#${new URLSearchParams({ say: text })}`);
    await page.waitForFunction(() => ["answer", "socket"].every((id) => document.getElementById(id).textContent), null, {
      timeout: PATIENCE,
    });
    const read = async (id) => page.textContent(`#${id}`);
    shown.push({ answer: await read("answer"), pieces: Number(await read("pieces")), socket: await read("socket") });
    await page.close();
  }
  console.log(JSON.stringify(shown));
} finally {
  await browser.close();
}
