// A browser without a window, driven by its own protocol over two pipes: nothing to install but Chromium.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio",
  "--no-first-run", "--no-proxy-server", "--remote-debugging-pipe", "--autoplay-policy=user-gesture-required",
];
/** Until something is on a page, in milliseconds. */
const PATIENCE_MS = 30_000;
const AXE = readFileSync(new URL("../clients/node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** Keys by name: code, number, and the text that they type. */
const KEYS = {
  Enter: ["Enter", 13, "\r"], Tab: ["Tab", 9], Escape: ["Escape", 27], " ": ["Space", 32, " "],
  ArrowRight: ["ArrowRight", 39], ArrowLeft: ["ArrowLeft", 37], ArrowDown: ["ArrowDown", 40], ArrowUp: ["ArrowUp", 38],
};

export class Chrome {
  #process;
  #folder = mkdtempSync(join(tmpdir(), "endcap-pages-"));
  #last = 0;
  #waiting = new Map();
  #listeners = new Map();
  #rest = Buffer.alloc(0);

  constructor() {
    const flags = [...FLAGS, `--user-data-dir=${this.#folder}`, "about:blank"];
    this.#process = spawn(process.env.CHROMIUM ?? "chromium", flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.#process.stdio[4].on("data", (data) => this.#read(data));
    this.#process.on("error", (fault) => {
      console.error(`Chromium cannot be started: ${fault.message}`);
      process.exit(1);
    });
  }

  #read(data) {
    this.#rest = Buffer.concat([this.#rest, data]);
    for (let end = this.#rest.indexOf(0); end >= 0; end = this.#rest.indexOf(0)) {
      const message = JSON.parse(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end + 1);
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error) waiting.refuse(new Error(message.error.message));
      else if (waiting) waiting.done(message.result);
      else this.#listeners.get(message.sessionId)?.(message);
    }
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#last;
    this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((done, refuse) => this.#waiting.set(id, { done, refuse }));
  }

  /** A page of a browser that knows nothing of the others. */
  async page(url, { name, width, height, dark = false, scale = 1, before = null }) {
    const { browserContextId } = await this.send("Target.createBrowserContext");
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(name, (method, params) => this.send(method, params, sessionId));
    this.#listeners.set(sessionId, (message) => page.heard(message));
    for (const domain of ["Page", "Runtime", "Log"]) await page.send(`${domain}.enable`);
    await page.resize(width, height, scale);
    if (before) await page.send("Page.addScriptToEvaluateOnNewDocument", { source: before });
    await page.prefer({ dark });
    await page.goto(url);
    return page;
  }

  async close() {
    const gone = new Promise((done) => this.#process.once("exit", done));
    await this.send("Browser.close");
    await gone;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export class Page {
  /** What went wrong on it: exceptions, refusals of the policy, files that are not there. */
  faults = [];

  constructor(name, send) {
    this.name = name;
    this.send = send;
  }

  heard({ method, params }) {
    if (method === "Runtime.exceptionThrown") {
      const { exception, text } = params.exceptionDetails;
      this.faults.push(exception?.description ?? text);
    }
    if (method === "Log.entryAdded" && params.entry.level === "error") {
      this.faults.push(`${params.entry.text} ${params.entry.url ?? ""}`);
    }
  }

  async goto(url) {
    await this.send("Page.navigate", { url });
  }

  async resize(width, height, scale = 1) {
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile: false });
  }

  /** What keeps a browser from installing it. */
  async notInstallable() {
    const { installabilityErrors } = await this.send("Page.getInstallabilityErrors");
    return installabilityErrors.map((error) => error.errorId);
  }

  /** As the system of whoever looks is set. */
  prefer({ dark = false, still = false, contrast = false }) {
    return this.send("Emulation.setEmulatedMedia", {
      features: [
        { name: "prefers-color-scheme", value: dark ? "dark" : "light" },
        { name: "prefers-reduced-motion", value: still ? "reduce" : "no-preference" },
        { name: "prefers-contrast", value: contrast ? "more" : "no-preference" },
      ],
    });
  }

  async value(expression) {
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", asked);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression holds; gives its value. */
  async until(expression, what = expression) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const value = await this.value(expression).catch(() => null);
      if (value) return value;
      if (Date.now() > end) {
        const shown = await this.value("document.body.innerText").catch(() => "nothing");
        throw new Error(`${this.name}: never saw ${what}; it shows:\n${shown}\n${this.faults.join("\n")}`);
      }
      await new Promise((wake) => setTimeout(wake, 25));
    }
  }

  /** Waits until something that is seen says this. */
  sees(selector, text = "") {
    const found = `[...document.querySelectorAll(${JSON.stringify(selector)})].find((part) =>
      part.checkVisibility() && part.innerText.includes(${JSON.stringify(text)}))?.innerText ?? null`;
    return this.until(`${found} !== null ? { text: ${found} } : null`, `\`${text}\` in ${selector}`);
  }

  async press(key, { shift = false } = {}) {
    const [code, windowsVirtualKeyCode, text] = KEYS[key];
    const event = { key, code, windowsVirtualKeyCode, modifiers: shift ? 8 : 0 };
    await this.send("Input.dispatchKeyEvent", { type: text ? "keyDown" : "rawKeyDown", text, ...event });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  type(text) {
    return this.send("Input.insertText", { text });
  }

  /** Goes to a control as somebody does who has no pointer; what cannot be reached so is a fault. */
  async tabTo(selector) {
    const there = `document.activeElement?.matches(${JSON.stringify(selector)}) ?? false`;
    for (let steps = 0; steps < 80; steps += 1) {
      if (await this.value(there)) return;
      await this.press("Tab");
    }
    throw new Error(`${this.name}: no key reaches ${selector}`);
  }

  async tabAndPress(selector, key = "Enter") {
    await this.tabTo(selector);
    await this.press(key);
  }

  /** Every fault that axe finds on the page as it is now. */
  async accessible(state) {
    // What still moves has colours of its own.
    await this.value("Promise.all(document.getAnimations().filter((one) => one.effect.getTiming().iterations === 1).map((one) => one.finished.catch(() => {})))");
    if (!(await this.value("typeof axe === 'object'"))) await this.value(`${AXE}; 0`);
    const found = await this.value(`axe.run({ runOnly: ${JSON.stringify(RULES)}, resultTypes: ["violations"] }).then((told) =>
      told.violations.map((one) => one.id + ": " + one.help + "\\n    " +
        one.nodes.map((node) => node.target.join(" ") + " " + node.any.concat(node.all, node.none).map((check) => check.message).join("; ")).join("\\n    ")))`);
    await this.shot(state);
    if (found.length) throw new Error(`${this.name}, ${state}:\n  ${found.join("\n  ")}`);
  }

  /** A picture for who wants to look, where ENDCAP_SHOTS names a folder. */
  async shot(state) {
    const folder = process.env.ENDCAP_SHOTS;
    if (!folder) return;
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    writeFileSync(join(folder, `${this.name}-${state.replaceAll(" ", "-")}.png`), Buffer.from(data, "base64"));
  }
}
