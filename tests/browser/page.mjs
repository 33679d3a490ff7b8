#!/usr/bin/env node
// Drives the admin page in Chromium as an owner would, on a desk and on a phone, in daylight and in the dark:
// claims the puck, watches the overview change by itself, pauses it, reads the trust page, makes and ends a token,
// signs out and in again. Fails when anything is missing, overflows, breaks the content security policy, calls another
// host, or cannot be reached by keyboard.
//
//   node page.mjs --url https://127.0.0.1:8443/ --code ABCD-EFGH-JKMN [--shots FOLDER] [--traffic COMMAND] [--chromium PATH]
//
// `--traffic` is a shell command that makes AI traffic through the daemon, run to see the numbers move; without it the
// daemon must be busy by itself, as `cargo run -p gate-admin --example serve` is. Prints one line for each step.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

const { values: options } = parseArgs({
  options: {
    url: { type: "string" },
    code: { type: "string" },
    shots: { type: "string" },
    traffic: { type: "string" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
  },
});
if (!options.url || !options.code) {
  console.error("usage: page.mjs --url URL --code CODE [--shots FOLDER] [--traffic COMMAND] [--chromium PATH]");
  process.exit(2);
}

const PASSWORD = "a sentence that is long enough";
const SIZES = { phone: { width: 360, height: 740 }, desk: { width: 1280, height: 860 } };
const PATIENCE = 15_000;

const browser = await chromium.launch({
  executablePath: options.chromium,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
/** Everything that went wrong inside the pages. */
const faults = [];

try {
  if (options.shots) await mkdir(options.shots, { recursive: true });
  const desk = await open("desk", "light");
  await step("shows the trust page to a phone that is not signed in", showsTrustToAnybody);
  await step("asks for the claim code and refuses a wrong one", () => refusesWrongCode(desk));
  await step("claims the puck", () => claims(desk));
  await step("shows the overview change by itself", () => watchesOverview(desk));
  await step("pauses and resumes the live feed", () => pauses(desk));
  await step("shows fingerprint, downloads and a snippet for each runtime", () => readsTrust(desk));
  await step("keeps a policy, and refuses one with a mistake", () => keepsPolicy(desk));
  await step("makes a token that works and ends it", () => makesToken(desk));
  await step("can be used by keyboard", () => usesKeyboard(desk));
  await step("keeps its cookie from scripts", () => hidesCookie(desk));
  await step("fits phones and desks, in light and dark", () => fitsEverywhere(desk));
  await step("signs out and in again", () => signsOutAndIn(desk));
  assert.deepEqual(faults, [], "faults inside the pages");
  console.log("ok   every page kept to its own host and its content security policy");
} finally {
  await browser.close();
}

/** A page that reports every fault: script errors, blocked content, requests to other hosts. */
async function open(size, colorScheme, storageState) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true, viewport: SIZES[size], colorScheme, ...(storageState && { storageState }),
    ...(size === "phone" && { isMobile: true, hasTouch: true, deviceScaleFactor: 2 }),
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // A refused sign-in is a 4xx, which Chromium reports too; that is what was asked for.
    const wanted = /Failed to load resource.*4(0[139]|22)/.test(message.text());
    if (message.type() === "error" && !wanted) faults.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (new URL(request.url()).host !== new URL(options.url).host) faults.push(`foreign request: ${request.url()}`);
  });
  return page;
}

async function step(words, work) {
  try {
    await work();
    console.log(`ok   ${words}`);
  } catch (error) {
    console.log(`FAIL ${words}`);
    throw error;
  }
}

async function go(page, name) {
  await page.goto(new URL(`#/${name}`, options.url).href);
}

async function showsTrustToAnybody() {
  const phone = await open("phone", "light");
  await go(phone, "trust");
  await phone.getByLabel("SHA-256 fingerprint", { exact: true }).waitFor();
  assert.equal(await phone.getByRole("link", { name: "Tokens" }).count(), 0);
  await phone.context().close();
}

async function refusesWrongCode(page) {
  await page.goto(options.url);
  await page.getByRole("heading", { name: "Make it yours" }).waitFor();
  await shoot(page, "claim-desk-light");
  await page.getByLabel("Claim code").fill("AAAA-AAAA-AAAA");
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Claim this Nano-Gate" }).click();
  await page.getByText("The claim code is wrong.").waitFor();
}

async function claims(page) {
  await page.getByLabel("Claim code").fill(options.code.toLowerCase());
  await page.getByLabel("New password").fill("too short");
  await page.getByRole("button", { name: "Claim this Nano-Gate" }).click();
  await page.getByText("needs at least 12 characters").waitFor();
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Claim this Nano-Gate" }).click();
  await page.getByRole("heading", { name: "Live" }).waitFor();
  const text = await page.locator("main").innerText();
  assert.doesNotMatch(text, /\b(is|are|fully|everything) protected\b/i, "watched traffic is never called protected");
  assert.match(text, /This is not protection/);
}

async function watchesOverview(page) {
  const sum = async () => {
    const numbers = await page.locator("[data-count]").allInnerTexts();
    return numbers.reduce((all, text) => all + Number(text.replaceAll(",", "")), 0);
  };
  await page.getByText("live", { exact: true }).waitFor();
  const before = await sum();
  const rows = await page.locator(".feed li").count();
  const first = rows > 0 ? await page.locator(".feed li").first().innerText() : "";
  const traffic = makeTraffic();
  await page.waitForFunction(
    (old) => document.querySelector(".feed li")?.innerText !== old, first, { timeout: PATIENCE },
  );
  await page.waitForFunction((old) => {
    const cells = [...document.querySelectorAll("[data-count]")];
    return cells.reduce((all, cell) => all + Number(cell.textContent.replaceAll(",", "")), 0) > old;
  }, before, { timeout: PATIENCE });
  await traffic;
}

/** Resolves when the traffic command has ended well; at once when there is none. */
function makeTraffic() {
  if (!options.traffic) return Promise.resolve();
  const child = spawn("sh", ["-c", options.traffic], { stdio: ["ignore", "ignore", "inherit"] });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the traffic command exited with ${code}`))));
  });
}

async function pauses(page) {
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("paused", { exact: true }).waitFor();
  const first = await page.locator(".feed li").first().innerText();
  const traffic = makeTraffic();
  await page.getByRole("button", { name: /Resume \(\d+ new\)/ }).waitFor();
  assert.equal(await page.locator(".feed li").first().innerText(), first, "the feed stands still while paused");
  await traffic;
  await page.getByRole("button", { name: /Resume/ }).click();
  await page.waitForFunction((old) => document.querySelector(".feed li")?.innerText !== old, first);
}

async function readsTrust(page) {
  await page.getByRole("link", { name: "Trust" }).click();
  const fingerprint = await page.getByLabel("SHA-256 fingerprint", { exact: true }).innerText();
  assert.match(fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/i);
  for (const file of ["nanogate.pem", "nanogate.crt", "nanogate.mobileconfig"]) {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: file }).click(),
    ]);
    assert.equal(download.suggestedFilename(), file);
    assert.equal(await download.failure(), null);
  }
  for (const runtime of ["Debian, Ubuntu", "macOS", "Windows", "Node.js", "Python", "Java", "Go", "curl", "Firefox", "Android"]) {
    await page.getByText(runtime, { exact: true }).click();
    const install = page.getByLabel(`Install on ${runtime}`, { exact: true });
    await install.waitFor();
    assert.notEqual((await install.innerText()).trim(), "");
  }
}

/** Ends with the policy that inspects 192.0.2.11 and .12, which who runs this may look for. */
async function keepsPolicy(page) {
  await page.getByRole("link", { name: "Policy" }).click();
  const text = page.getByRole("textbox", { name: "The policy" });
  await page.getByText("There is none yet").waitFor();
  await shoot(page, "policy-empty-desk-light");
  for (const starter of ["No AI", "Inspect everybody", "Watch everybody", "Inspect a few devices"]) {
    await page.getByRole("button", { name: starter }).click();
    assert.match(await text.inputValue(), /^version: 1\n/);
    await page.getByRole("button", { name: "Check and save" }).click();
    await page.getByText("Saved.").waitFor();
    await page.getByRole("button", { name: "Load again" }).click();
    await page.getByText("Saved.").waitFor({ state: "detached" });
  }
  const kept = await text.inputValue();
  await text.fill("version: 1\n\ndefault_mode: inspekt\n");
  await page.getByRole("button", { name: "Check and save" }).click();
  await page.getByText(/line 3.*inspekt/).waitFor();
  const selected = await text.evaluate((field) => field.value.slice(field.selectionStart, field.selectionEnd));
  assert.equal(selected, "default_mode: inspekt", "the line with the mistake is shown");
  await shoot(page, "policy-wrong-desk-light");
  await page.reload();
  await page.getByText("Each device is watched").waitFor();
  assert.equal(await text.inputValue(), kept, "the policy before it stays");
}

async function makesToken(page) {
  await page.getByRole("link", { name: "Tokens" }).click();
  await page.getByLabel("Name of the program").fill("browser test");
  await page.getByLabel(/Metrics/).check();
  await page.getByRole("button", { name: "Create" }).click();
  const secret = await page.getByLabel("Secret of browser test", { exact: true }).innerText();
  assert.match(secret, /^ngt_[\w-]{43}$/);
  assert.equal(await inspect(page, secret), 200);
  await shoot(page, "tokens-desk-light");
  await page.reload();
  await page.getByText("browser test", { exact: true }).first().waitFor();
  assert.doesNotMatch(await page.locator("main").innerText(), /ngt_/, "a secret is shown once");
  page.once("dialog", (dialog) => dialog.accept());
  await page.getByRole("button", { name: "Revoke browser test" }).click();
  await page.getByText("None yet.").waitFor();
  assert.equal(await inspect(page, secret), 401);
}

async function inspect(page, secret) {
  const answer = await page.request.post(new URL("/api/v1/inspect", options.url).href, {
    headers: { authorization: `Bearer ${secret}` }, data: { text: "hello" },
  });
  return answer.status();
}

async function usesKeyboard(page) {
  await go(page, "overview");
  await page.reload();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await page.locator("body").focus();
  const reached = [];
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement?.textContent?.trim() ?? ""));
  }
  for (const name of ["Skip to content", "Overview", "Policy", "Trust", "Tokens", "Sign out", "Pause"]) {
    assert.ok(reached.includes(name), `${name} is reached by Tab: ${reached.join(" | ")}`);
  }
  await page.getByRole("link", { name: "Trust" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "1 · Check it is ours" }).waitFor();
}

async function hidesCookie(page) {
  assert.equal(await page.evaluate(() => document.cookie), "");
  const [cookie] = await page.context().cookies();
  const { name, secure, httpOnly, sameSite } = cookie;
  assert.deepEqual({ name, secure, httpOnly, sameSite }, {
    name: "__Host-nanogate", secure: true, httpOnly: true, sameSite: "Strict",
  });
}

async function fitsEverywhere(desk) {
  const state = await desk.context().storageState();
  for (const size of Object.keys(SIZES)) {
    for (const scheme of ["light", "dark"]) {
      const page = await open(size, scheme, state);
      for (const name of ["overview", "policy", "trust", "tokens"]) {
        await go(page, name);
        await page.locator("main h1").waitFor();
        if (name === "trust") await page.getByText("Python", { exact: true }).click();
        const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
        assert.ok(wide <= room, `${name} is ${wide} px wide on a ${size} of ${room} px`);
        await shoot(page, `${name}-${size}-${scheme}`);
      }
      await page.context().close();
    }
  }
}

async function signsOutAndIn(page) {
  await page.getByRole("button", { name: "Sign out" }).click();
  await go(page, "overview");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("The password is wrong.").waitFor();
  await shoot(page, "sign-in-desk-light");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Live" }).waitFor();
}

async function shoot(page, name) {
  if (!options.shots) return;
  // A header that sticks to the top would otherwise stand in the middle of the picture.
  await page.evaluate(() => { window.scrollTo(0, 0); });
  await page.screenshot({ path: join(options.shots, `${name}.png`), fullPage: true, animations: "disabled" });
}
