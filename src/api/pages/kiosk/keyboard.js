// A keyboard on the screen, for kiosks whose system has none.

import { change, comfort } from "../common/comfort.js";
import { all, el, one, shown, sign } from "../common/dom.js";
import { language, say } from "../common/words.js";

const ROWS = {
  en: ["1234567890", "qwertyuiop", "asdfghjkl'", "zxcvbnm-?"],
  de: ["1234567890", "qwertzuiopü", "asdfghjklöä", "yxcvbnmß-?"],
  fr: ["1234567890", "azertyuiopé", "qsdfghjklmè", "wxcvbnàçù'?"],
  es: ["1234567890", "qwertyuiopá", "asdfghjklñé", "zxcvbnmíóú¿?"],
};

export class Keyboard {
  #place;
  #field;
  #button;
  #shift = false;

  constructor(place, field, button) {
    this.#place = place;
    this.#field = field;
    this.#button = button;
    button.addEventListener("click", () => change({ keys: !comfort().keys }));
    place.addEventListener("keydown", (event) => this.#walk(event));
    // A touch must not take the focus, and with it the caret, from the field.
    place.addEventListener("pointerdown", (event) => event.preventDefault());
    document.addEventListener("comfort", () => this.#paint());
    document.addEventListener("words", () => this.#paint());
  }

  #paint() {
    const wanted = comfort().keys;
    shown(this.#place, wanted);
    this.#button.setAttribute("aria-expanded", String(wanted));
    // The system's own keyboard stays away where this one is there.
    this.#field.inputMode = wanted ? "none" : "text";
    if (!wanted) return;
    const rows = ROWS[language()].map((row) => el("div", { class: "row" }, ...[...row].map((key) => this.#letter(key))));
    rows.at(-1).prepend(this.#act("shift", "shift", () => this.#turn(), { "aria-pressed": String(this.#shift) }));
    rows.at(-1).append(this.#act("erase", "erase", () => this.#erase()));
    const space = el("button", { type: "button", class: "key space", on: { click: () => this.#type(" ") } }, say("keys.space"));
    rows.push(el("div", { class: "row" }, this.#letter(","), space, this.#letter(".")));
    this.#place.replaceChildren(...rows);
    all("button", this.#place).forEach((key, at) => key.setAttribute("tabindex", at === 0 ? "0" : "-1"));
  }

  #letter(key) {
    const text = this.#shift ? key.toUpperCase() : key;
    return el("button", { type: "button", class: "key", on: { click: () => this.#type(text) } }, text);
  }

  #act(name, picture, act, more = {}) {
    return el("button", { type: "button", class: "key wide", "aria-label": say(`keys.${name}`), on: { click: act }, ...more }, sign(picture));
  }

  #turn() {
    this.#shift = !this.#shift;
    this.#paint();
    one(".wide", this.#place).focus({ preventScroll: true });
  }

  #type(text) {
    const field = this.#field;
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    if (this.#shift) {
      this.#shift = false;
      this.#paint();
    }
  }

  #erase() {
    const field = this.#field;
    if (field.selectionStart === field.selectionEnd && field.selectionStart > 0) {
      field.setSelectionRange(field.selectionStart - 1, field.selectionEnd);
    }
    field.setRangeText("", field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** One stop of the tabulator for all keys; arrows go from key to key. */
  #walk(event) {
    const keys = all("button", this.#place);
    const at = keys.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
    if (at < 0 || !step) return;
    event.preventDefault();
    const next = keys[Math.min(keys.length - 1, Math.max(0, at + step))];
    keys.forEach((key) => key.setAttribute("tabindex", key === next ? "0" : "-1"));
    next.focus();
  }
}
