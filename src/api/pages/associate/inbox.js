// The list of requests.

import { el, one, shown, sign } from "../common/dom.js";
import { known, LANGUAGES, language, say } from "../common/words.js";

const ORDER = { waiting: 0, claimed: 1, closed: 2 };
/** Closed ones that are still listed. */
const MAX_CLOSED = 5;

export const reason = (request) => (known(`reason.${request.reason}`) ? say(`reason.${request.reason}`) : request.reason);

/** How long since then, as people say it. */
function span(at) {
  const seconds = Math.max(0, Math.round((Date.now() - new Date(at).getTime()) / 1000));
  const [count, unit] = seconds < 90 ? [seconds, "second"] : [Math.round(seconds / 60), "minute"];
  return new Intl.NumberFormat(language(), { style: "unit", unit, unitDisplay: "long" }).format(count);
}

/** Where the shopper stands, and in which language they speak. */
export function place(request) {
  const where = [request.zone, known(`class.${request.class}`) ? say(`class.${request.class}`) : request.class];
  const tongue = LANGUAGES[request.language?.slice(0, 2)];
  return [...where, tongue].filter(Boolean).join(" · ");
}

function waits(since, seenBy) {
  const words = say("inbox.waits", { span: span(since) });
  return seenBy ? `${words} · ${say("inbox.seen", { name: seenBy })}` : words;
}

function standing(request) {
  if (request.stage === "waiting") return waits(request.waiting_since, request.acknowledged_by?.name);
  if (request.stage === "closed") return say("inbox.closed");
  return request.mine ? say("inbox.mine") : say("inbox.others", { name: request.claimed_by?.name ?? "" });
}

/** What was said is shown to any associate while nobody has it, then to whoever has it. */
const readable = (request) => request.stage === "waiting" || (request.stage === "claimed" && request.mine);

function row(request, current, open) {
  const pressed = readable(request)
    ? ["button", { type: "button", "aria-current": request.id === current ? "true" : null, on: { click: () => open(request.id) } }]
    : ["div", {}];
  return el(
    "li",
    { class: `request ${request.stage} ${request.mine ? "mine" : ""} ${request.reason}` },
    el(
      ...pressed,
      el("span", { class: "why" }, sign(request.reason === "anger" ? "warn" : "person"), reason(request)),
      el("span", { class: "what", text: request.summary }),
      el("span", { class: "where", text: place(request) }),
      el("span", { class: "standing", data: { since: request.stage === "waiting" ? request.waiting_since : "", seen: request.acknowledged_by?.name ?? "" }, text: standing(request) }),
    ),
  );
}

export function paint(desk, current, open) {
  const rank = (request) => ORDER[request.stage] - (request.mine ? 0.5 : 0);
  const all = [...desk.requests.values()].sort(
    (one, other) => rank(one) - rank(other) || String(one.waiting_since).localeCompare(String(other.waiting_since)),
  );
  const listed = all.filter((request) => request.stage !== "closed");
  const closed = all.filter((request) => request.stage === "closed").slice(-MAX_CLOSED).reverse();
  one("#cases").replaceChildren(...[...listed, ...closed].map((request) => row(request, current, open)));
  shown(one("#calm"), listed.length === 0);
  one("#calm-what").textContent = say(desk.state === "available" ? "calm.available" : "calm.away");
}

/** Times go on where nothing else does. */
export function tick() {
  for (const standing of document.querySelectorAll(".standing[data-since]")) {
    if (standing.dataset.since) standing.textContent = waits(standing.dataset.since, standing.dataset.seen);
  }
}
