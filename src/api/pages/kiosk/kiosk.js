// The shoppers' page: joins its parts.

import { Refused } from "../common/api.js";
import { change, comfort, fromAddress, settle } from "../common/comfort.js";
import { el, one, opened, shown, sign } from "../common/dom.js";
import { keep } from "../common/keep.js";
import { device, pair } from "../common/pairing.js";
import { fill, LANGUAGES, language, preferred, say, speak } from "../common/words.js";
import { Conversation } from "./conversation.js";
import { Exchanges } from "./exchanges.js";
import { Keyboard } from "./keyboard.js";
import { Patience } from "./patience.js";
import * as live from "./live.js";
import * as profile from "./profile.js";
import * as receipt from "./receipt.js";
import * as sheets from "./sheets.js";
import { Voice } from "./voice.js";

const STARTERS = ["offers", "where", "price", "return"];
/** Between two tries to reach a box that does not answer. */
const RETRY_MS = 3000;
/** Announcements that are kept for who reads back. */
const MAX_TOLD = 6;

const conversation = new Conversation();
const exchanges = new Exchanges(one("#exchanges"), (product) => ask(say("label.ask", { name: product.name })));
const voice = new Voice(one("#caption"));
const patience = new Patience(one("#time-sheet"), holds, () => next(false));
const text = one("#text");
/** Whether what comes is old: it is shown, and not told. */
let quiet = false;
/** Set where the shopper chose a language; else the box goes by their words. */
let chosen = null;

// ---- what the shopper does

async function ask(words) {
  const question = words.trim();
  if (!question || conversation.busy) return;
  voice.stop();
  text.value = "";
  if (!(await ready())) {
    text.value = question;
    return;
  }
  await conversation.say(question, chosen);
}

/** Begins a conversation where there is none; gives whether there is one. */
async function ready() {
  if (conversation.id) return true;
  try {
    // The greeting is shown; who listens hears the answer.
    quiet = true;
    await conversation.begin(language());
    enter();
    return true;
  } catch (fault) {
    tellFault(fault);
    return false;
  } finally {
    quiet = false;
  }
}

async function forget() {
  if (!conversation.id) {
    await next(false);
    return;
  }
  if ((await opened(one("#forget-sheet"))) === "yes") await next(true);
}

/** Whether something would be lost if the page began anew. */
function holds() {
  return conversation.id !== null || text.value !== "";
}

/** Makes everything ready for the next shopper. */
async function next(shows) {
  voice.stop();
  let erased = null;
  try {
    erased = await conversation.forget();
  } catch (fault) {
    tellFault(fault);
  }
  leave();
  if (erased && shows) await receipt.show(erased);
  await fresh();
}

async function fresh() {
  chosen = null;
  for (const sheet of document.querySelectorAll("dialog[open]")) sheet.close("");
  settle();
  const tag = preferred(comfort().language);
  if (tag !== language()) await speak(tag);
  text.value = "";
  text.focus();
}

async function choose(tag) {
  chosen = tag;
  change({ language: tag });
  await speak(tag);
  tell(LANGUAGES[tag]);
}

// ---- what the page shows

function enter() {
  shown(one("#welcome"), false);
  shown(one("#talk"), true);
  document.body.classList.add("talking");
  live.follow(one("#exchanges"), (words) => tell(words));
}

function leave() {
  live.leave();
  exchanges.clear();
  profile.clear();
  suggest([]);
  stand("assistant");
  one("#told").replaceChildren();
  shown(one("#talk"), false);
  shown(one("#welcome"), true);
  document.body.classList.remove("talking");
}

function suggest(texts) {
  const list = one("#suggestions");
  list.replaceChildren(...texts.slice(0, 4).map((suggestion) => starter(suggestion)));
  shown(list, texts.length > 0);
}

function starter(words) {
  return el("li", {}, el("button", { type: "button", on: { click: () => ask(words) } }, words));
}

/** Who answers now: said above the field for as long as it is not the assistant. */
function stand(stage, position = null) {
  const line = one("#standing");
  document.body.dataset.stage = stage;
  const words = stage === "waiting" && position > 1
    ? say("stage.waiting_behind", { count: position - 1 })
    : say(`stage.${stage}`);
  const human = stage === "waiting" || stage === "associate";
  shown(line, human);
  line.replaceChildren(sign(stage === "waiting" ? "clock" : "person"), el("span", { text: human ? words : "" }));
  one("#person").disabled = human;
  one("#disclosed").textContent = say(stage === "associate" ? "disclosure.associate" : "welcome.disclosure");
}

/** Says it to who listens instead of looking. */
function tell(words, tag = null) {
  const told = one("#told");
  told.append(el("p", { lang: tag, text: words }));
  while (told.children.length > MAX_TOLD) told.firstChild.remove();
}

function tellFault(fault) {
  const busy = fault instanceof Refused && [429, 503].includes(fault.status);
  const known = fault instanceof Refused ? (busy ? "fault.busy" : "fault.refused") : "fault.unreachable";
  exchanges.over();
  exchanges.failed(say(known));
  one("#urgent").textContent = say(known);
}

function languages() {
  const buttons = Object.entries(LANGUAGES).map(([tag, name]) => el(
    "button",
    { type: "button", lang: tag, "aria-label": `${tag.toUpperCase()} ${name}`, title: name, "aria-pressed": String(tag === language()), on: { click: () => choose(tag) } },
    tag.toUpperCase(),
  ));
  one("#languages").replaceChildren(...buttons);
  one("#starters").replaceChildren(...STARTERS.map((name) => starter(say(`starter.${name}`))));
  stand(conversation.stage, conversation.position);
}

// ---- what the box says

conversation.addEventListener("asked", ({ detail }) => {
  enter();
  suggest([]);
  exchanges.asked(detail.text);
});
conversation.addEventListener("step", ({ detail }) => exchanges.step(detail.step));
conversation.addEventListener("delta", ({ detail }) => exchanges.delta(detail.text));
conversation.addEventListener("over", () => exchanges.over());
conversation.addEventListener("failed", ({ detail }) => tellFault(detail.fault));
conversation.addEventListener("turn", ({ detail: turn }) => {
  exchanges.turn(turn);
  if (turn.speaker === "shopper") return;
  suggest(turn.suggestions ?? []);
  patience.touched();
  if (quiet) return;
  tell(turn.speaker === "associate" ? `${say("talk.associate")}: ${turn.text}` : turn.text, turn.language);
  voice.read(turn.text, turn.language?.slice(0, 2));
});
conversation.addEventListener("stage", ({ detail }) => {
  stand(detail.stage, detail.position);
  if (!quiet && detail.stage !== "assistant") tell(say(`stage.${detail.stage}`));
});
conversation.addEventListener("standing", ({ detail }) => {
  one("#offline").replaceChildren(...(detail.is ? [] : [sign("line"), say("offline")]));
});
conversation.addEventListener("ended", async () => {
  leave();
  await fresh();
  tell(say("ended"));
});

// ---- beginning

async function paired() {
  for (;;) {
    try {
      if (!(await device())) await pair(one("#pairing"));
      one("#offline").replaceChildren();
      return;
    } catch {
      one("#offline").replaceChildren(sign("line"), say("offline"));
      await new Promise((wake) => setTimeout(wake, RETRY_MS));
    }
  }
}

async function begin() {
  document.addEventListener("words", languages);
  document.addEventListener("comfort", () => {
    one("#voice").setAttribute("aria-pressed", String(comfort().voice));
    if (!comfort().voice) voice.stop();
  });
  new Keyboard(one("#keyboard"), text, one("#keys"));
  fromAddress();
  await speak(preferred(comfort().language));
  fill(document);
  sheets.prepare();
  profile.prepare(conversation, ready, (what) => tell(say(`profile.${what}`)));
  one("#ask").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(text.value);
  });
  one("#person").addEventListener("click", () => ask(say("person.ask")));
  one("#forget").addEventListener("click", forget);
  one("#voice").addEventListener("click", () => change({ voice: !comfort().voice }));
  await paired();
  quiet = true;
  if (await conversation.resume()) {
    enter();
    await profile.recall(conversation);
  }
  quiet = false;
  patience.begin();
  keep("/kiosk");
  text.focus();
}

begin();
