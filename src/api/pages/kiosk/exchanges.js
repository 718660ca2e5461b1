// What was asked and what was answered, one exchange under the other.

import { all, el, sign } from "../common/dom.js";
import { known, language, say } from "../common/words.js";
import { rail } from "./labels.js";

export class Exchanges {
  #list;
  #chosen;
  #exchange = null;
  #pending = null;

  constructor(list, chosen) {
    this.#list = list;
    this.#chosen = chosen;
  }

  clear() {
    this.#list.replaceChildren();
    this.#exchange = null;
    this.#pending = null;
  }

  /** A question that is on its way: shown at once, and what is being done about it below. */
  asked(text) {
    this.#begin(el("p", { class: "asked" }, heading("talk.you"), el("span", { class: "words", text })));
    this.#pending = this.#part(
      "pending",
      el("p", { class: "doing" }, el("i", { "aria-hidden": "true" }), el("span", { text: say("step.reading") })),
    );
  }

  step(name) {
    const doing = this.#pending?.querySelector(".doing span");
    if (doing && known(`step.${name}`)) doing.textContent = say(`step.${name}`);
  }

  /** A piece of the answer. Nobody is read pieces: the whole is told when it is there. */
  delta(text) {
    if (!this.#pending) return;
    let streaming = this.#pending.querySelector(".streaming");
    if (!streaming) {
      streaming = el("p", { class: "words streaming", "aria-hidden": "true" });
      this.#pending.prepend(streaming);
      this.#pending.querySelector(".doing").remove();
    }
    streaming.append(text);
  }

  /** A turn that is whole. */
  turn(turn) {
    if (turn.speaker === "shopper") {
      this.#shopper(turn);
      return;
    }
    this.over();
    const part = el("article", { class: `said ${turn.speaker}`, lang: turn.language });
    if (turn.speaker === "notice") part.append(sign("bell"), el("p", { class: "words", text: turn.text }));
    else this.#answer(part, turn);
    if (!this.#exchange) this.#begin(null);
    this.#exchange.append(part);
    this.#follow(this.#exchange.children.length > 2 ? part : this.#exchange);
  }

  /** Our own question comes back as the box keeps it: without numbers of cards, and the like. */
  #shopper(turn) {
    const asked = this.#exchange?.querySelector(".asked:not([data-number])");
    if (!asked) {
      this.asked(turn.text);
      this.over();
    }
    const mine = this.#exchange.querySelector(".asked");
    mine.dataset.number = turn.number;
    mine.querySelector(".words").textContent = turn.text;
  }

  #answer(part, turn) {
    const human = turn.speaker === "associate";
    part.append(
      el(
        "h2",
        { class: "who", lang: language() },
        human ? sign("person") : el("span", { class: "badge", text: say("ai") }),
        say(human ? "talk.associate" : "talk.assistant"),
      ),
      ...turn.text.split(/\n{2,}/).map((text) => el("p", { class: "words", text })),
    );
    const labels = rail(turn.products, this.#chosen);
    if (labels) part.append(labels);
    const why = origin(turn);
    if (why) part.append(why);
  }

  /** What was on its way has come, or never will. */
  over() {
    this.#pending?.remove();
    this.#pending = null;
  }

  /** Why there is no answer. */
  failed(text) {
    if (!this.#exchange) this.#begin(null);
    this.#part("said fault", sign("warn"), el("p", { class: "words", text }));
  }

  #begin(first) {
    for (const exchange of all(".exchange", this.#list)) exchange.classList.add("past");
    this.#exchange = el("li", { class: "exchange" }, first);
    this.#list.append(this.#exchange);
    this.#follow(this.#exchange);
  }

  #part(kind, ...children) {
    const part = el("div", { class: kind }, ...children);
    this.#exchange.append(part);
    return part;
  }

  /** Brings it into view from its beginning on, without moving anything but the list. */
  #follow(element) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    requestAnimationFrame(() => {
      const scroller = this.#list.closest("main");
      const [frame, part] = [scroller.getBoundingClientRect(), element.getBoundingClientRect()];
      const begin = part.top - frame.top;
      const below = part.bottom - frame.bottom;
      const way = element === this.#exchange ? begin : Math.min(begin, Math.max(0, below));
      scroller.scrollBy({ top: way, behavior: still ? "auto" : "smooth" });
    });
  }
}

function heading(key) {
  return el("span", { class: "unseen", text: `${say(key)}: ` });
}

/** Where an answer comes from, for who wants to know. */
function origin(turn) {
  const lines = [];
  if (turn.disclosure) lines.push(turn.disclosure);
  for (const table of turn.stale ?? []) {
    lines.push(say("origin.stale", { what: known(`table.${table}`) ? say(`table.${table}`) : table }));
  }
  const names = (turn.citations ?? []).map((citation) => citation.name ?? citation.sku).filter(Boolean);
  if (names.length) lines.push(say("origin.facts", { names: names.join(", ") }));
  if (!lines.length) return null;
  const stale = (turn.stale ?? []).length > 0;
  return el(
    "details",
    { class: stale ? "origin stale" : "origin", open: stale },
    el("summary", { text: say("origin") }),
    ...lines.map((text) => el("p", { text })),
  );
}
