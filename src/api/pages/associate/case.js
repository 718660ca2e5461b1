// One request: why, what was said, and the answer.

import { Refused } from "../common/api.js";
import { choices } from "../common/choices.js";
import { el, one, opened, shown, sign } from "../common/dom.js";
import { known, say } from "../common/words.js";
import { correct } from "./correction.js";
import { place, reason } from "./inbox.js";

const OUTCOMES = ["solved", "not_solved", "left"];

export class Case {
  #desk;
  #place;
  #back;
  #request = null;
  #heard = new Set();

  /** `back` shows the list again. */
  constructor(desk, place, back) {
    this.#desk = desk;
    this.#place = place;
    this.#back = back;
    desk.addEventListener("said", ({ detail }) => {
      if (detail.handoff === this.#request?.id) this.#add(detail.turn);
    });
    desk.addEventListener("changed", ({ detail }) => {
      const now = detail.id && detail.id === this.#request?.id ? desk.requests.get(detail.id) : null;
      if (now && now.stage !== this.#request.stage) this.#enter(now);
    });
  }

  get id() {
    return this.#request?.id ?? null;
  }

  async open(id) {
    this.#request = await this.#desk.whole(id);
    this.#paint();
  }

  leave() {
    this.#request = null;
    shown(this.#place, false);
  }

  /** Says everything anew, as after a change of the language. */
  again() {
    if (this.#request) this.open(this.#request.id).catch((fault) => this.#fault(fault));
  }

  #paint() {
    const request = this.#request;
    this.#heard.clear();
    this.#place.replaceChildren(this.#head(), this.#brief(), el("ol", { class: "history", "aria-label": say("case.history") }), this.#foot());
    for (const turn of request.history ?? []) this.#add(turn, false);
    shown(this.#place, true);
    one("h2", this.#place).focus();
    this.#end();
  }

  #head() {
    const back = el("button", { type: "button", class: "round", "aria-label": say("case.back"), on: { click: () => this.#back() } }, sign("back"));
    return el("header", {}, back, el("div", {}, el("h2", { id: "case-name", tabindex: "-1", text: reason(this.#request) }), el("p", { class: "where", text: place(this.#request) })));
  }

  /** What somebody must know who comes in now. */
  #brief() {
    const { summary, mood } = this.#request;
    return el("div", { class: "brief" }, el("h3", { text: say("case.summary") }), el("p", { text: summary }), temper(mood));
  }

  #add(turn, follows = true) {
    if (this.#heard.has(turn.number)) return;
    this.#heard.add(turn.number);
    const list = one(".history", this.#place);
    list?.append(this.#turn(turn));
    if (follows) this.#end();
  }

  #turn(turn) {
    const part = el("li", { class: `turn ${turn.speaker}` });
    if (turn.speaker !== "notice") part.append(el("p", { class: "who", text: say(`case.${turn.speaker}`) }));
    part.append(el("p", { class: "words", lang: turn.language, text: turn.text }));
    const products = (turn.products ?? []).map((product) => [product.name, product.price].filter(Boolean).join(" · "));
    if (products.length) part.append(el("ul", { class: "named" }, ...products.map((text) => el("li", { text }))));
    // What it says first is the shop's own, and no answer.
    if (turn.speaker === "assistant" && turn.number > 1) part.append(this.#mend(turn, part));
    return part;
  }

  #mend(turn, part) {
    const act = async () => {
      if (await correct(this.#desk, this.#request.conversation, turn)) {
        part.append(el("p", { class: "mended" }, sign("check"), say("correct.done")));
        one(".mend", part).remove();
      }
    };
    return el("button", { type: "button", class: "mend", on: { click: act } }, sign("pencil"), say("correct"));
  }

  /** What can be done: depends on who has it. */
  #foot() {
    const { stage, mine } = this.#request;
    const foot = el("footer", {}, el("p", { class: "fault", role: "alert" }));
    if (stage === "waiting") foot.append(this.#button("strong", "claim", "case.claim", () => this.#act("claim")));
    else if (stage === "claimed" && mine) foot.append(...this.#composer());
    else foot.append(el("p", { class: "quiet", text: say(stage === "closed" ? "case.over" : "case.others", { name: this.#request.claimed_by?.name ?? "" }) }));
    return foot;
  }

  #composer() {
    const field = el("textarea", { id: "reply", rows: "1", maxlength: "600", placeholder: say("case.write"), enterkeyhint: "send" });
    const send = async (event) => {
      event.preventDefault();
      const text = field.value.trim();
      if (text && (await this.#act("reply", { text }, false))) field.value = "";
      field.focus();
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey) send(event);
    });
    const put = (text) => () => {
      field.value = text;
      field.focus();
    };
    const replies = (this.#request.suggested_replies ?? []).map((text) => el("li", {}, el("button", { type: "button", on: { click: put(text) } }, text)));
    return [
      replies.length ? el("ul", { class: "replies", "aria-label": say("case.replies") }, ...replies) : "",
      el("form", { on: { submit: send } }, el("label", { class: "unseen", for: "reply", text: say("case.write") }), field, el("button", { class: "strong round", "aria-label": say("case.send") }, sign("send"))),
      el("div", { class: "ends" }, this.#button("tool", "undo", "case.hand_back", () => this.#finish("hand-back")), this.#button("tool", "check", "case.close", () => this.#finish("close"))),
    ];
  }

  #button(kind, picture, key, act) {
    return el("button", { type: "button", class: kind, on: { click: act } }, sign(picture), say(key));
  }

  /** Hands back or closes, with a word on how it went. */
  async #finish(act) {
    const back = act === "hand-back";
    const sheet = one("#end-sheet");
    const [note, key] = [one("#end-note", sheet), back ? "back" : "close"];
    note.value = "";
    for (const part of ["name", "what", "do"]) one(`#end-${part}`, sheet).textContent = say(`${key}.${part}`);
    one("#end-asks", sheet).textContent = say("back.note");
    shown(note.parentElement, back);
    shown(one("fieldset", sheet), !back);
    let outcome = OUTCOMES[0];
    choices(one("#outcomes", sheet), "outcome", OUTCOMES.map((value) => [value, say(`outcome.${value}`)]), {
      is: (value) => value === outcome,
      chosen: (value) => {
        outcome = value;
      },
    });
    if ((await opened(sheet)) !== "yes") return;
    const body = back ? (note.value.trim() ? { note: note.value.trim() } : {}) : { outcome };
    if (await this.#act(act, body)) this.#back();
  }

  /** Asks the box; gives whether it did it. */
  async #act(act, body = {}, anew = true) {
    try {
      const now = await this.#desk.act(this.#request.id, act, body);
      if (anew && now?.id) this.#enter(now);
      return true;
    } catch (fault) {
      this.#fault(fault);
      return false;
    }
  }

  #enter(now) {
    const focused = this.#place.contains(document.activeElement);
    this.#request = { ...this.#request, ...now };
    one("footer", this.#place).replaceWith(this.#foot());
    if (focused) (one("#reply", this.#place) ?? one("h2", this.#place)).focus();
    this.#end();
  }

  #fault(fault) {
    const place = one("footer .fault", this.#place);
    if (place) place.textContent = fault instanceof Refused ? fault.message : say("fault.unreachable");
  }

  #end() {
    const list = one(".history", this.#place);
    requestAnimationFrame(() => list?.scrollTo({ top: list.scrollHeight }));
  }
}

/** From these probabilities on a shopper is called so: those from which a person is fetched, and after a failure. */
const ANGRY = 0.268;
const ANNOYED = 0.069;

/** How the shopper feels, in words beside the bar. */
function temper(mood) {
  const anger = typeof mood === "number" ? mood : mood?.anger;
  if (typeof anger !== "number") return null;
  const word = anger >= ANGRY ? "angry" : anger >= ANNOYED ? "annoyed" : "calm";
  return el(
    "p",
    { class: `temper ${word}` },
    el("span", { text: known(`mood.${word}`) ? say(`mood.${word}`) : word }),
    el("meter", { min: "0", max: "1", low: String(ANNOYED), high: String(ANGRY), optimum: "0", value: String(anger), "aria-label": say("mood") }),
  );
}
