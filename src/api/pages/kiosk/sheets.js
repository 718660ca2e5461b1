// The sheet in which a shopper sets how the page looks, speaks and waits.

import { change, comfort } from "../common/comfort.js";
import { choices } from "../common/choices.js";
import { one, opened, shown } from "../common/dom.js";
import { LANGUAGES, language, say } from "../common/words.js";
import { LIMITS_S } from "./patience.js";
import { onVoices, voiceOf } from "./voice.js";

const SIZES = ["normal", "large", "largest"];
const SCHEMES = ["auto", "light", "dark", "contrast"];

function limitText(limit_s) {
  return limit_s === 0 ? say("limit.none") : say("limit.minutes", { count: Math.round(limit_s / 6) / 10 });
}

/** The limits that are offered, with the one that the kiosk began with. */
function limits() {
  const own = comfort().limit_s;
  const all = LIMITS_S.includes(own) ? LIMITS_S : [own, ...LIMITS_S];
  return all.map((limit_s) => [limit_s, limitText(limit_s)]);
}

function paint() {
  const set = (field) => (value) => change({ [field]: value });
  const is = (field) => (value) => comfort()[field] === value;
  choices(one("#sizes"), "size", SIZES.map((size) => [size, say(`size.${size}`)]), {
    is: is("size"), chosen: set("size"),
  });
  choices(one("#schemes"), "scheme", SCHEMES.map((scheme) => [scheme, say(`scheme.${scheme}`)]), {
    is: is("scheme"), chosen: set("scheme"),
  });
  choices(one("#limits"), "limit", limits(), { is: is("limit_s"), chosen: set("limit_s") });
  one("#voice-on").checked = comfort().voice;
  one("#captions-on").checked = comfort().captions;
  lack();
}

/** Says so where this device has no voice of its own. */
export function lack() {
  const without = !voiceOf(language());
  shown(one("#voice-lack"), without);
  one("#voice-lack").textContent = without
    ? say("voice.lack", { language: LANGUAGES[language()] })
    : "";
}

export function prepare() {
  one("#voice-on").addEventListener("change", (event) => change({ voice: event.target.checked }));
  one("#captions-on").addEventListener("change", (event) => change({ captions: event.target.checked }));
  one("#comfort").addEventListener("click", () => {
    paint();
    opened(one("#comfort-sheet"));
  });
  onVoices(lack);
}
