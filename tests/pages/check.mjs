// A shopper's and an associate's journey in a real browser, by keyboard alone, with every state looked at
// by axe. Needs a shop with a milk in aisle 7, and a soup that is sold out beside one that is not.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

import { Chrome } from "./chrome.mjs";
import { Wire } from "./wire.mjs";

const { ENDCAP_URL: server, ENDCAP_TOKEN: token, ENDCAP_BINARY: endcap, ENDCAP_HQ_PID: headquarters } = process.env;
const wire = new Wire(server);
await wire.mend();
const url = wire.url;

/** A device with an English voice of its own, which notes what it is to say. */
const VOICE = `
  const english = { localService: true, lang: "en-US", name: "Own" };
  const elsewhere = { localService: false, lang: "de-DE", name: "Somebody's server" };
  window.said = [];
  class Utterance extends EventTarget { constructor(text) { super(); this.text = text; } }
  window.SpeechSynthesisUtterance = Utterance;
  Object.defineProperty(window, "speechSynthesis", { value: {
    getVoices: () => [elsewhere, english], addEventListener() {}, cancel() {},
    speak(it) { window.said.push([it.lang, it.voice.name, it.text]); setTimeout(() => it.dispatchEvent(new Event("end")), 200); },
  } });`;

async function box(method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(`${server}${path}`, { method, headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

const code = async (about) => (await box("POST", "/store/v1/devices/codes", about)).code;

async function pair(page, about, name) {
  await page.sees("#pairing h1");
  await page.accessible("pairing");
  await page.tabTo("#code");
  await page.type("WRNG-0000");
  await page.press("Enter");
  await page.sees("#pair-fault", "not valid");
  await page.accessible("pairing refused");
  await page.type(await code(about));
  await page.tabTo("#device-name");
  await page.type(name);
  await page.press("Enter");
}

async function ask(page, words) {
  await page.until("!document.querySelector('.pending')", "the answer before");
  await page.tabTo("#text");
  await page.type(words);
  await page.press("Enter");
  const last = "[...document.querySelectorAll('.exchange')].at(-1)";
  const said = `[...${last}.querySelectorAll('.said')]`;
  await page.until(`${last}?.querySelector('.asked .words')?.innerText === ${JSON.stringify(words)}`, `\`${words}\` asked`);
  await page.until(`${said}.length > 0`, `an answer to \`${words}\``);
  return page.value(`${said}.map((part) => part.innerText).join("\\n")`);
}

const chrome = new Chrome();
let kiosk;
let desk;

const checks = {
  async "a kiosk is paired by a code that somebody types"() {
    kiosk = await chrome.page(`${url}/kiosk?language=en`, { name: "kiosk", width: 1080, height: 1920, before: VOICE });
    await pair(kiosk, { class: "kiosk", zone: "entrance", role: "client" }, "Entrance");
    await kiosk.sees("#welcome h1", "What are you looking for?");
    await kiosk.sees(".disclosure", "automatic assistant");
    await kiosk.accessible("welcome");
  },

  async "a handheld is paired and set available"() {
    desk = await chrome.page(`${url}/associate`, { name: "desk", width: 390, height: 844, scale: 2, own: true });
    await pair(desk, { class: "handheld", role: "associate" }, "Robin");
    await desk.sees(".calm");
    await desk.tabAndPress("#available");
    await desk.sees("#available[aria-pressed=true]");
    await desk.accessible("calm");
  },

  async "a question is answered while it is looked at"() {
    await kiosk.value(`window.seen = { pieces: 0, doing: 0 }; new MutationObserver((changes) => {
      for (const change of changes) for (const node of change.addedNodes) {
        if (change.target.classList?.contains("streaming") || node.classList?.contains("streaming")) window.seen.pieces += 1;
        if (node.classList?.contains("pending")) window.seen.doing += 1;
      }
    }).observe(document.querySelector("#exchanges"), { childList: true, subtree: true })`);
    assert.match(await ask(kiosk, "How much is the whole milk?"), /\$3\.49/);
    const seen = await kiosk.value("window.seen");
    assert.ok(seen.doing > 0 && seen.pieces > 1, JSON.stringify(seen));
    await kiosk.sees(".label", "$3.49");
    assert.match(await kiosk.value("document.querySelector('#told').innerText"), /\$3\.49/);
    await kiosk.accessible("answer");
  },

  async "a pronoun means what the conversation is about"() {
    assert.match(await ask(kiosk, "Where is it?"), /7/);
    await kiosk.accessible("aisle");
  },

  async "what is sold out comes with what is not"() {
    const told = await ask(kiosk, "Do you have Garden Tomato Soup?");
    await kiosk.sees(".label.gone", "Garden Tomato Soup");
    if (!/Harvest Tomato Soup/.test(told)) assert.match(await ask(kiosk, "Is there something like it?"), /Harvest Tomato Soup/);
    await kiosk.accessible("sold out");
  },

  async "a price that headquarters changes is told as it is now"() {
    execFileSync(endcap, ["hq", "facts", "put", "prices", "sku=1001", "amount=2.99", "currency=USD"]);
    await kiosk.sees(".label .changed", "Now $2.99"); // on what is already there
    assert.match(await ask(kiosk, "How much is the whole milk?"), /\$2\.99/);
  },

  async "it is read aloud by a voice of the device, and shown while it is"() {
    await kiosk.tabAndPress("#voice");
    await ask(kiosk, "Where is the skim milk?");
    await kiosk.sees("#caption", "Meadow Skim Milk");
    await kiosk.until("window.said.length > 0", "something said aloud");
    const [lang, voice, words] = (await kiosk.value("window.said"))[0];
    assert.deepEqual([lang, voice], ["en-US", "Own"]);
    assert.match(words, /Meadow Skim Milk/);
    await kiosk.accessible("captions");
    await kiosk.tabAndPress("#voice");
    await kiosk.until("document.querySelector('#caption').hidden");
  },

  async "every shape of screen can be read and reached"() {
    for (const [shape, width, height] of [["landscape", 1920, 1080], ["tablet", 1024, 768], ["phone", 390, 844], ["zoomed", 320, 640]]) {
      await kiosk.resize(width, height);
      await kiosk.accessible(`answer ${shape}`);
      assert.ok(await kiosk.value("document.documentElement.scrollWidth <= innerWidth"), `${shape}: it scrolls sideways`);
      await kiosk.tabAndPress("#profile");
      await kiosk.sees("#profile-sheet h2");
      await kiosk.accessible(`profile ${shape}`);
      const ends = "document.querySelector('#profile-keep').getBoundingClientRect().bottom <= innerHeight";
      assert.ok(await kiosk.value(ends), `${shape}: what keeps it is not on the screen`);
      await kiosk.press("Escape");
      await kiosk.until("!document.querySelector('dialog[open]')");
    }
    await kiosk.resize(1080, 1920);
  },

  async "the display is set by keys, and each of its looks can be read"() {
    for (const [scheme, size] of [["dark", "normal"], ["contrast", "largest"], ["light", "large"]]) {
      await kiosk.tabAndPress("#comfort");
      await kiosk.sees("#comfort-sheet h2");
      for (const [group, value] of [["scheme", scheme], ["size", size]]) {
        await kiosk.tabTo(`#comfort-sheet [name=${group}]`);
        for (let step = 0; step < 5; step += 1) {
          if (await kiosk.value(`document.activeElement.value === "${value}"`)) break;
          await kiosk.press("ArrowRight");
        }
        await kiosk.until(`document.documentElement.dataset.${group} === "${value}"`);
      }
      await kiosk.accessible(`display ${scheme} ${size}`);
      await kiosk.tabAndPress("#comfort-sheet .strong");
      await kiosk.until("!document.querySelector('dialog[open]')");
      await kiosk.accessible(`answer ${scheme} ${size}`);
    }
  },

  async "what a shopper tells of themselves needs their consent"() {
    await kiosk.tabAndPress("#profile");
    await kiosk.sees("#profile-sheet h2");
    await kiosk.tabAndPress("[name=diet][value=vegan]", " ");
    await kiosk.tabAndPress("#profile-keep");
    await kiosk.sees("#profile-fault", "tick that you agree");
    await kiosk.accessible("profile");
    await kiosk.tabAndPress("[name=consent]", " ");
    await kiosk.tabAndPress("#profile-keep");
    await kiosk.until("!document.querySelector('dialog[open]')", "the profile kept");
  },

  async "what was told is kept for another visit, and brought back by its code"() {
    await kiosk.tabAndPress("#profile");
    await kiosk.tabAndPress("[name=beyond]", " ");
    await kiosk.tabAndPress("#profile-keep");
    await kiosk.sees("#pass-sheet h2");
    const pass = await kiosk.value("document.querySelector('#pass-code').textContent");
    assert.match(pass, /^([0-9A-F]{4} ){7}[0-9A-F]{4}$/);
    assert.ok((await kiosk.value("document.querySelector('#pass-qr path').getAttribute('d').length")) > 500);
    await kiosk.accessible("code");
    await kiosk.tabAndPress("#pass-sheet .strong");
    await kiosk.until("document.querySelector('#pass-code').textContent === ''", "the code gone from the screen");
    // Another screen, and somebody who types it.
    const other = await chrome.page(`${url}/kiosk?language=en`, { name: "other", width: 1080, height: 1920 });
    await pair(other, { class: "kiosk", role: "client" }, "Aisle 3");
    await other.sees("#welcome h1");
    await other.tabAndPress("#profile");
    await other.tabAndPress("#profile-bring");
    await other.sees("#bring-sheet h2");
    await other.tabTo("#bring-code");
    for (const [typed, told] of [["1234", "eight groups"], ["0".repeat(32), "does not know"]]) {
      await other.value("document.activeElement.select()");
      await other.type(typed);
      await other.press("Enter");
      await other.sees("#bring-fault", told);
    }
    await other.accessible("bring");
    await other.value("document.activeElement.select()");
    await other.type(pass.toLowerCase().replaceAll(" ", "-"));
    await other.press("Enter");
    await other.until("!document.querySelector('dialog[open]')", "the code taken");
    await other.tabAndPress("#profile");
    await other.until("document.querySelector('[name=diet][value=vegan]').checked", "what was told");
    await other.tabAndPress("#profile-remove");
    await other.until("!document.querySelector('dialog[open]')", "it erased");
    const gone = await fetch(`${server}/store/v1/profiles/${pass.toLowerCase().replaceAll(" ", "")}`, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
    assert.equal(gone.status, 404);
    assert.deepEqual(other.faults.filter((fault) => !/status of 40[134]/.test(fault)), []);
  },

  async "anger rings at the desk"() {
    await ask(kiosk, "This is outrageous, I am furious. I want to complain to a person!");
    await kiosk.sees(".standing", "called");
    await desk.sees("#ringing h2", "needed");
    assert.equal(await desk.value("document.querySelector('#urgent').innerText.length > 0"), true);
    await kiosk.accessible("waiting");
    await desk.accessible("ringing");
  },

  async "an associate takes it, reads what was said, and answers"() {
    await desk.tabAndPress("#take");
    await desk.sees(".brief p");
    await desk.sees(".turn.shopper", "furious");
    await kiosk.sees(".standing", "talking to somebody");
    await desk.tabTo("#reply");
    await desk.type("I am sorry. I am on my way to you.");
    await desk.press("Enter");
    await kiosk.sees(".said.associate", "I am on my way to you.");
    // Nothing but what is said may move, however much of it there is.
    assert.equal(await kiosk.value("document.querySelector('.dock').getBoundingClientRect().bottom"), 1920);
    await kiosk.accessible("associate answers");
    await kiosk.tabTo("#text");
    await kiosk.type("Thank you, I wait here.");
    await kiosk.press("Enter");
    await desk.sees(".turn.shopper", "I wait here.");
    await desk.accessible("talking");
  },

  async "an answer of the assistant's is corrected"() {
    await desk.tabAndPress(".turn:has(.named) .mend");
    await desk.sees("#correct-sheet h2");
    await desk.tabTo("#correct-text");
    await desk.value("document.activeElement.select()");
    await desk.type("The whole milk is in the cooler at the entrance.");
    await desk.accessible("correction");
    await desk.tabAndPress("#correct-do");
    await desk.sees(".mended");
  },

  async "the conversation is handed back"() {
    await desk.tabAndPress(".ends .tool");
    await desk.sees("#end-sheet h2");
    await desk.accessible("hand back");
    await desk.tabAndPress("#end-do");
    await desk.sees(".inbox h2");
    await kiosk.until("document.body.dataset.stage === 'assistant'");
    await desk.prefer({ dark: true });
    await desk.accessible("inbox dark");
  },

  async "the desk is set by keys, and each of its looks can be read"() {
    await desk.prefer({ dark: false });
    for (const [scheme, size] of [["dark", "normal"], ["contrast", "largest"], ["light", "normal"]]) {
      await desk.tabAndPress("#settings");
      await desk.sees("#settings-sheet h2");
      for (const [group, value] of [["scheme", scheme], ["size", size]]) {
        await desk.tabTo(`#settings-sheet [name=${group}]`);
        for (let step = 0; step < 5; step += 1) {
          if (await desk.value(`document.activeElement.value === "${value}"`)) break;
          await desk.press("ArrowRight");
        }
        await desk.until(`document.documentElement.dataset.${group} === "${value}"`);
      }
      await desk.accessible(`settings ${scheme} ${size}`);
      await desk.tabAndPress("#settings-sheet .strong");
      await desk.until("!document.querySelector('dialog[open]')");
      await desk.accessible(`inbox ${scheme} ${size}`);
    }
    await desk.resize(1280, 800);
    await desk.accessible("inbox wide");
    await desk.resize(390, 844, 2);
  },

  async "a handheld can install its page"() {
    await desk.value("navigator.serviceWorker.ready.then(() => true)");
    assert.deepEqual(await desk.notInstallable(), []);
  },

  async "another language is a key away"() {
    await kiosk.tabAndPress("#languages [lang=de]");
    await kiosk.sees("#person", "Mit jemandem sprechen");
    assert.equal(await kiosk.value("document.documentElement.lang"), "de");
    await ask(kiosk, "Was kostet die Vollmilch?");
    const answered = "[...document.querySelectorAll('.said')].at(-1).lang";
    assert.equal(await kiosk.value(answered), "de", "a screen reader says it as German");
    await kiosk.accessible("german");
  },

  async "a conversation is forgotten, with a receipt"() {
    await kiosk.tabAndPress("#forget");
    await kiosk.sees("#forget-sheet h2");
    await kiosk.accessible("forget");
    await kiosk.tabAndPress("#forget-sheet .strong");
    await kiosk.sees("#receipt dt");
    await kiosk.accessible("receipt");
    await kiosk.tabAndPress("#receipt-sheet .strong");
    await kiosk.sees("#welcome h1", "What are you looking for?");
    assert.equal(await kiosk.value("document.querySelectorAll('.said').length"), 0);
    assert.equal(await kiosk.value("sessionStorage.length"), 0);
  },

  async "who needs longer says so, and who left is forgotten"() {
    await kiosk.goto(`${url}/kiosk?language=en&limit=1&keys=1`);
    await kiosk.sees("#welcome h1", "What are you looking for?");
    await kiosk.sees("#keyboard .key");
    await kiosk.accessible("keyboard");
    await ask(kiosk, "How much is the whole milk?");
    await kiosk.sees("#time-sheet h2", "still there");
    await kiosk.accessible("time");
    await kiosk.tabAndPress("#time-sheet .strong");
    await kiosk.until("!document.querySelector('dialog[open]')");
    assert.ok(await kiosk.value("document.querySelectorAll('.said').length > 0"));
    await kiosk.sees("#time-sheet h2", "still there");
    await kiosk.tabAndPress("#time-sheet .tool");
    await kiosk.sees("#welcome h1");
  },

  async "while the box is away both pages say so, open all the same, and go on when it is back"() {
    await kiosk.goto(`${url}/kiosk?language=en`);
    await kiosk.until("document.activeElement?.id === 'text'");
    assert.match(await ask(kiosk, "How much is the whole milk?"), /\$2\.99/);
    await kiosk.value("navigator.serviceWorker.ready.then(() => true)");
    await wire.cut();
    await kiosk.sees("#offline", "does not answer");
    await desk.sees("#offline", "does not answer");
    await kiosk.accessible("away");
    await ask(kiosk, "Where is it?");
    await kiosk.sees(".said.fault", "does not answer");
    for (const page of [kiosk, desk]) await page.send("Page.reload");
    await kiosk.sees(".top");
    await kiosk.sees("#offline", "does not answer");
    await desk.sees("#offline", "does not answer");
    await wire.mend();
    await kiosk.sees(".asked .words", "How much is the whole milk?"); // the conversation is there still
    await kiosk.until("document.querySelector('#offline').innerText === ''");
    await desk.until("document.querySelector('#offline').innerText === ''");
    assert.match(await ask(kiosk, "Where is it?"), /7/);
  },

  async "without headquarters the shop goes on"() {
    process.kill(Number(headquarters), "SIGKILL");
    assert.match(await ask(kiosk, "How much is the skim milk?"), /\$3\.29/);
  },

  async "nothing went wrong in the browser"() {
    // Before the pairing, of its wrong code, and while the box was away.
    const known = /status of 40[13]|vibrate|ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_FAILED/;
    for (const page of [kiosk, desk]) {
      assert.deepEqual(page.faults.filter((fault) => !known.test(fault)), []);
    }
  },
};

let failed = 0;
try {
  for (const [name, check] of Object.entries(checks)) {
    const began = Date.now();
    try {
      await check();
      console.log(`ok      ${name} (${Date.now() - began} ms)`);
    } catch (fault) {
      failed += 1;
      console.log(`FAILED  ${name}`);
      console.log(fault);
      for (const page of [kiosk, desk]) await page?.shot(`failed ${name.slice(0, 24)}`);
      break; // what follows stands on it
    }
  }
} finally {
  await chrome.close();
}
// What still listens here keeps nobody waiting.
process.exit(failed ? 1 : 0);
