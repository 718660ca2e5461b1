// One conversation with the box: what is said and heard, and nothing of how it looks.

import { ask, askEvents, Line, Refused } from "../common/api.js";

const KEPT = "endcap.conversation";
const PATH = "/store/v1/conversations";

/**
 * Tells of itself by events: `turn` (a turn, in order, once), `asked` (a question that is on its way),
 * `step`, `delta`, `stage`, `failed`, `standing` (whether the line to the box is there) and `ended`.
 */
export class Conversation extends EventTarget {
  id = null;
  stage = "assistant";
  position = null;
  #heard = new Set();
  #line = null;
  #going = null;
  /** Answers that came by the other line while their own was still being made. */
  #early = [];

  /** Whether an answer is on its way. */
  get busy() {
    return this.#going !== null;
  }

  /** Begins one; gives what the box says of it. */
  async begin(language) {
    const view = await ask("POST", PATH, { language });
    this.#follow(view.id);
    if (view.greeting) this.#take(view.greeting);
    this.#enter(view.stage);
    return view;
  }

  /** Goes on with the one that this browser had before the page was loaded anew; null where it is over. */
  async resume() {
    const id = sessionStorage.getItem(KEPT);
    if (!id) return null;
    try {
      const view = await ask("GET", `${PATH}/${id}`);
      if (view.stage === "closed") throw new Refused(404, null, null);
      this.#follow(id);
      for (const turn of view.turns) this.#take(turn);
      this.#enter(view.stage);
      return view;
    } catch (fault) {
      if (!(fault instanceof Refused)) throw fault;
      sessionStorage.removeItem(KEPT);
      return null;
    }
  }

  /** Asks, in this language where one was chosen; the answer comes as events. */
  async say(text, language = null) {
    this.#tell("asked", { text });
    this.#going = new AbortController();
    const path = `${PATH}/${this.id}/messages`;
    const asked = { text, stream: true, ...(language ? { language } : {}) };
    try {
      let failed = null;
      await askEvents("POST", path, asked, (name, data) => {
        if (name === "turn") this.#take(data);
        else if (name === "error") failed = data.error ?? data;
        else this.#tell(name, data);
      }, this.#going.signal);
      if (failed) throw new Refused(500, failed, null);
    } catch (fault) {
      if (fault.name !== "AbortError") await this.#failed(fault);
    } finally {
      this.#going = null;
      for (const turn of this.#early.splice(0)) this.#take(turn);
      this.#tell("over", {});
    }
  }

  /** Whoever is not known any more has nothing to go on with. */
  async #failed(fault) {
    this.#tell("failed", { fault });
    if (fault instanceof Refused && fault.status === 404) this.#end();
  }

  /** Has the box erase it; gives the receipt, or null where there was nothing to erase. */
  async forget() {
    const id = this.id;
    this.#going?.abort();
    this.#leave();
    if (!id) return null;
    try {
      return await ask("DELETE", `${PATH}/${id}`);
    } catch (fault) {
      if (fault instanceof Refused && fault.status === 404) return null;
      throw fault;
    }
  }

  profile(method, body) {
    return ask(method, `${PATH}/${this.id}/profile`, body);
  }

  #follow(id) {
    this.id = id;
    sessionStorage.setItem(KEPT, id);
    this.#heard.clear();
    this.#line = new Line(`${PATH}/${id}/events`, ["turn", "stage", "ended"], {
      heard: (name, data) => {
        if (name === "turn" && this.busy && data.speaker !== "shopper") this.#early.push(data);
        else if (name === "turn") this.#take(data);
        else if (name === "stage") this.#enter(data.stage, data.position);
        else this.#end();
      },
      again: () => this.#catchUp(),
      standing: (is) => this.#tell("standing", { is }),
    });
  }

  /** What was missed while the line was away. */
  async #catchUp() {
    try {
      const view = await ask("GET", `${PATH}/${this.id}`);
      for (const turn of view.turns) this.#take(turn);
      this.#enter(view.stage);
    } catch (fault) {
      if (fault instanceof Refused && fault.status === 404) this.#end();
    }
  }

  #take(turn) {
    if (this.#heard.has(turn.number)) return;
    this.#heard.add(turn.number);
    this.#tell("turn", turn);
  }

  #enter(stage, position = null) {
    if (!stage || (stage === this.stage && position === this.position)) return;
    const before = this.stage;
    this.stage = stage;
    this.position = position;
    this.#tell("stage", { stage, position, before });
  }

  #end() {
    if (this.id === null) return;
    this.#leave();
    this.#tell("ended", {});
  }

  #leave() {
    this.#line?.close();
    this.#line = null;
    this.id = null;
    this.stage = "assistant";
    this.position = null;
    sessionStorage.removeItem(KEPT);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
