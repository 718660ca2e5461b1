// The desk as this handheld knows it: requests, who has them, and whether its owner is there.

import { ask, Line } from "../common/api.js";

const PATH = "/store/v1/desk";
const EVENTS = ["ring", "claimed", "turn", "closed", "escalated", "presence", "begin", "reset"];

/**
 * Tells of itself by events: `changed` (requests), `ring` (one that is to be answered), `said` (a turn of
 * one), `presence` and `standing`.
 */
export class Desk extends EventTarget {
  /** Requests by id, as the box last told of them. */
  requests = new Map();
  state = "away";
  #line = null;

  async begin() {
    this.#line = new Line(`${PATH}/events`, EVENTS, {
      heard: (name, data) => this.#heard(name, data),
      again: () => this.load(),
      standing: (is) => this.#tell("standing", { is }),
    });
    await this.load();
  }

  async load() {
    const [list, presence] = await Promise.all([
      ask("GET", `${PATH}/handoffs`),
      ask("GET", `${PATH}/presence`),
    ]);
    this.requests = new Map(list.handoffs.map((request) => [request.id, request]));
    this.#present(presence.state);
    this.#tell("changed", {});
    const waiting = list.handoffs.find((request) => request.stage === "waiting" && !request.acknowledged_by);
    if (waiting && this.state === "available") this.#tell("ring", waiting);
  }

  /** A request with all that is known of it. */
  whole(id) {
    return ask("GET", `${PATH}/handoffs/${id}`);
  }

  /** `acknowledge`, `claim`, `reply`, `hand-back` or `close`. */
  async act(id, act, body = {}) {
    const request = await ask("POST", `${PATH}/handoffs/${id}/${act}`, body);
    if (request?.id) this.#take(request);
    return request;
  }

  async present(state) {
    const told = await ask("PUT", `${PATH}/presence`, { state });
    this.#present(told?.state ?? state);
  }

  correct(conversation, turn, text) {
    return ask("POST", `${PATH}/corrections`, { conversation, turn, text });
  }

  #heard(name, data) {
    if (name === "turn") this.#tell("said", data);
    else if (name === "reset") this.load().catch(() => {});
    else if (["begin", "presence"].includes(name)) return;
    else {
      this.#take(data);
      if (name === "ring" || name === "escalated") this.#tell("ring", this.requests.get(data.id));
    }
  }

  #take(request) {
    this.requests.set(request.id, { ...this.requests.get(request.id), ...request });
    this.#tell("changed", { id: request.id });
  }

  #present(state) {
    this.state = state;
    this.#tell("presence", { state });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
