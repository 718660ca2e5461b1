// The associates' page: joins its parts.

import { change, comfort, fromBrowser } from "../common/comfort.js";
import { choices } from "../common/choices.js";
import { one, opened, shown, sign } from "../common/dom.js";
import { keep } from "../common/keep.js";
import { device, pair, unpair } from "../common/pairing.js";
import { LANGUAGES, language, preferred, say, speak } from "../common/words.js";
import * as bell from "./bell.js";
import { Case } from "./case.js";
import { Desk } from "./desk.js";
import * as inbox from "./inbox.js";

/** Between two tries to reach a box that does not answer. */
const RETRY_MS = 3000;
const TICK_MS = 5000;

const desk = new Desk();
const opening = new Case(desk, one("#case"), () => list());
/** The request that rings; null while all is quiet. */
let ringing = null;

// ---- ringing

function ring(request) {
  if (desk.state !== "available" || request.stage !== "waiting") return;
  ringing = request.id;
  const what = [inbox.reason(request), inbox.place(request)].filter(Boolean).join(" · ");
  one("#ringing-name").textContent = say("ring.name");
  one("#ringing-what").textContent = what;
  shown(one("#ringing"), true);
  one("#urgent").textContent = `${say("ring.name")} ${what}`;
  document.title = `● ${say("ring.name")}`;
  bell.start();
}

function quiet() {
  ringing = null;
  bell.stop();
  shown(one("#ringing"), false);
  one("#urgent").textContent = "";
  document.title = say("desk.title");
}

async function hush() {
  const id = ringing;
  quiet();
  if (id) await desk.act(id, "acknowledge").catch(() => {});
}

async function take() {
  const id = ringing;
  quiet();
  if (!id) return;
  await desk.act(id, "claim").catch(() => {});
  await open(id);
}

// ---- what is looked at

async function open(id) {
  if (id === ringing) await hush();
  document.body.dataset.view = "case";
  try {
    await opening.open(id);
    history.replaceState(null, "", `#${id}`);
  } catch {
    list();
  }
  paint();
}

function list() {
  opening.leave();
  history.replaceState(null, "", location.pathname);
  document.body.dataset.view = "inbox";
  paint();
  one("#main").focus({ preventScroll: true });
}

function paint() {
  inbox.paint(desk, opening.id, open);
  one("#available").setAttribute("aria-pressed", String(desk.state === "available"));
  one("#away").setAttribute("aria-pressed", String(desk.state === "away"));
}

// ---- settings

function settings() {
  choices(one("#tongues"), "tongue", Object.entries(LANGUAGES), {
    is: (tag) => tag === language(),
    chosen: async (tag) => {
      change({ language: tag });
      await speak(tag);
    },
  });
  const field = (name, values) => choices(one(`#${name}s`), name, values.map((value) => [value, say(`${name}.${value}`)]), {
    is: (value) => comfort()[name] === value,
    chosen: (value) => change({ [name]: value }),
  });
  field("scheme", ["auto", "light", "dark", "contrast"]);
  field("size", ["normal", "large", "largest"]);
  one("#volume").value = String(comfort().volume);
}

function prepare() {
  one("#settings").addEventListener("click", async () => {
    settings();
    if ((await opened(one("#settings-sheet"))) === "unpair") await leave();
  });
  one("#volume").addEventListener("input", (event) => change({ volume: Number(event.target.value) }));
  one("#try").addEventListener("click", () => {
    bell.wake();
    bell.once();
  });
  for (const state of ["available", "away"]) {
    one(`#${state}`).addEventListener("click", () => desk.present(state).catch(offline));
  }
  one("#hush").addEventListener("click", hush);
  one("#take").addEventListener("click", take);
  document.addEventListener("pointerdown", bell.wake, { capture: true });
  document.addEventListener("keydown", bell.wake, { capture: true });
}

/** This handheld is none of the shop's any more. */
async function leave() {
  try {
    await unpair();
    location.reload();
  } catch {
    offline();
  }
}

// ---- what the box says

desk.addEventListener("ring", ({ detail }) => ring(detail));
desk.addEventListener("changed", () => {
  if (ringing && desk.requests.get(ringing)?.stage !== "waiting") quiet();
  paint();
});
desk.addEventListener("presence", ({ detail }) => {
  if (detail.state === "away" && ringing) quiet();
  paint();
});
desk.addEventListener("said", ({ detail }) => {
  if (detail.turn.speaker !== "shopper") return;
  if (detail.handoff === opening.id) one("#told").textContent = `${say("case.shopper")}: ${detail.turn.text}`;
  if (desk.requests.get(detail.handoff)?.mine) bell.once();
});
desk.addEventListener("standing", ({ detail }) => offline(!detail.is));

function offline(is = true) {
  one("#offline").replaceChildren(...(is === false ? [] : [sign("line"), say("offline")]));
}

// ---- beginning

async function begin() {
  fromBrowser();
  await speak(preferred(comfort().language));
  document.addEventListener("words", () => {
    settings();
    paint();
    opening.again();
  });
  prepare();
  for (;;) {
    try {
      if (!(await device())) await pair(one("#pairing"));
      await desk.begin();
      break;
    } catch {
      offline();
      await new Promise((wake) => setTimeout(wake, RETRY_MS));
    }
  }
  offline(false);
  keep("/associate");
  setInterval(inbox.tick, TICK_MS);
  paint();
  const wanted = location.hash.slice(1);
  if (wanted && desk.requests.has(wanted)) await open(wanted);
}

begin();
