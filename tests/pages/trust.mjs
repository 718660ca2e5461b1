// A browser to which somebody gave the shop's authority opens the box's page over TLS and stays paired; one
// to which nobody did shows no page at all.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Chrome } from "./chrome.mjs";

const { ENDCAP_PORT: port, ENDCAP_CODE: code, ENDCAP_SHOP_AUTHORITY: authority } = process.env;
const folder = mkdtempSync(join(tmpdir(), "endcap-trust-"));

/** A browser of somebody's own home, who finds the box by its name. */
function browser(name) {
  const [home, program] = [join(folder, name), join(folder, `${name}.sh`)];
  mkdirSync(join(home, ".pki/nssdb"), { recursive: true });
  writeFileSync(program, `#!/bin/sh\nHOME=${home} exec ${process.env.CHROMIUM ?? "chromium"} --host-resolver-rules="MAP endcap.local 127.0.0.1" "$@"\n`);
  chmodSync(program, 0o755);
  return { home, program };
}

async function visit({ program }, act) {
  const before = process.env.CHROMIUM;
  process.env.CHROMIUM = program;
  const chrome = new Chrome();
  process.env.CHROMIUM = before ?? "chromium";
  try {
    await act(await chrome.page(`https://endcap.local:${port}/kiosk?language=en`, { name: "kiosk", width: 1080, height: 1920 }));
  } finally {
    await chrome.close();
  }
}

await visit(browser("stranger"), async (page) => {
  await page.until("document.body?.innerText.includes('ERR_CERT_AUTHORITY_INVALID')", "a refusal");
  console.log("ok      without the shop's authority there is no page");
});

const known = browser("known");
const store = `sql:${join(known.home, ".pki/nssdb")}`;
execFileSync("certutil", ["-d", store, "-N", "--empty-password"]);
execFileSync("certutil", ["-d", store, "-A", "-t", "C,,", "-n", "shop", "-i", authority]);
await visit(known, async (page) => {
  await page.sees("#pairing h1");
  await page.tabTo("#code");
  await page.type(code);
  await page.tabTo("#device-name");
  await page.type("Entrance");
  await page.press("Enter");
  await page.until("document.querySelector('#pairing').hidden", "the browser paired");
  assert.equal(await page.value("fetch('/store/v1/device').then((answer) => answer.json()).then((own) => own.name)"), "Entrance");
  assert.ok(await page.value("isSecureContext"));
  await page.value("navigator.serviceWorker.ready.then(() => true)");
  console.log("ok      with it the browser is paired, and keeps the page");
});
