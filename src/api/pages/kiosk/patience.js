// Ends a conversation that somebody left, and warns them before (WCAG 2.2.1).

import { comfort } from "../common/comfort.js";
import { one, opened } from "../common/dom.js";
import { say } from "../common/words.js";

/** Choices of the time limit, in seconds; 0 is none. */
export const LIMITS_S = [60, 120, 300, 600, 0];
/** Time to answer the warning. */
const WARNING_S = 30;
const TOUCHES = ["pointerdown", "keydown", "input", "wheel", "touchmove"];

export class Patience {
  #dialog;
  #over;
  #holds;
  #last = performance.now();
  #timer = 0;

  /**
   * `holds` says whether there is something that somebody could lose; `over` is called when the time is
   * over, and nobody was there to ask for more.
   */
  constructor(dialog, holds, over) {
    this.#dialog = dialog;
    this.#holds = holds;
    this.#over = over;
    for (const touch of TOUCHES) {
      document.addEventListener(touch, () => this.touched(), { capture: true, passive: true });
    }
  }

  /** Somebody is there. */
  touched() {
    this.#last = performance.now();
  }

  /** Begins to look. */
  begin() {
    this.touched();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), 500);
  }

  end() {
    clearInterval(this.#timer);
    this.#timer = 0;
    if (this.#dialog.open) this.#dialog.close("more");
  }

  #look() {
    const limit = comfort().limit_s;
    const away = (performance.now() - this.#last) / 1000;
    if (limit === 0 || away < limit || this.#dialog.open) return;
    if (this.#holds()) {
      this.#warn();
    } else {
      this.touched();
      this.#over();
    }
  }

  async #warn() {
    const ending = performance.now() + WARNING_S * 1000;
    const beat = setInterval(() => this.#count(ending), 250);
    this.#count(ending);
    one("#time-what", this.#dialog).textContent = say("time.what", { count: WARNING_S });
    const closed = await opened(this.#dialog);
    clearInterval(beat);
    this.touched();
    if (closed === "forget") this.#over();
  }

  #count(ending) {
    const left = Math.max(0, (ending - performance.now()) / 1000);
    one("#time-bar", this.#dialog).setAttribute("width", String((left / WARNING_S) * 100));
    if (left === 0) this.#dialog.close("forget");
  }
}
