// Shows what was erased.

import { el, one, opened } from "../common/dom.js";
import { known, language, say } from "../common/words.js";

function row(name, value) {
  return el("div", {}, el("dt", { text: name }), el("dd", { text: value }));
}

function counts(what) {
  const kinds = Object.entries(what ?? {}).filter(([kind, count]) => count > 0 && known(`receipt.${kind}`));
  return kinds.map(([kind, count]) => row(say(`receipt.${kind}`), count));
}

/** As people read a moment: from seconds, or from text. */
function moment(at) {
  const date = typeof at === "number" ? new Date(at * 1000) : new Date(at);
  const form = new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "medium" });
  return Number.isNaN(date.getTime()) ? String(at) : form.format(date);
}

/** Opens the receipt; over when it is closed. */
export function show(receipt) {
  const rows = counts(receipt.what);
  if (receipt.at) rows.push(row(say("receipt.at"), moment(receipt.at)));
  if (receipt.id) rows.push(row(say("receipt.id"), receipt.id));
  one("#receipt").replaceChildren(...rows);
  return opened(one("#receipt-sheet"));
}
