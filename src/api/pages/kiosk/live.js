// Keeps labels true while they are looked at: what changes in the shop changes on them.

import { Line } from "../common/api.js";
import { all, el, one } from "../common/dom.js";
import { language, say } from "../common/words.js";
import { stock } from "./labels.js";

const LEVELS = { out: "out", low: "low", some: "in_stock", plenty: "in_stock" };

let line = null;

/** Follows the shop's facts for the labels of this list; `told` is given what changed, in words. */
export function follow(list, told) {
  line ??= new Line("/store/v1/facts/changes", ["change"], {
    heard: (_, change) => {
      for (const label of all(`.label[data-sku="${CSS.escape(change.id)}"]`, list)) apply(label, change, told);
    },
  });
}

export function leave() {
  line?.close();
  line = null;
}

function apply(label, change, told) {
  if (change.table === "stock") restock(label, change.fact);
  if (change.table === "prices") reprice(label, change.fact, told);
}

function restock(label, fact) {
  one(".stock", label)?.remove();
  const level = LEVELS[fact?.band];
  label.classList.toggle("gone", level === "out");
  if (level) label.append(stock({ stock: { level } }));
}

/** A price for a weight has words that only the box knows; who looks is asked to ask again. */
function reprice(label, fact, told) {
  const shown = one(".price b", label);
  if (!shown) return;
  const plain = fact && !fact.per;
  const now = plain ? money(fact.amount, fact.currency) : "–";
  if (shown.textContent === now) return;
  const name = one(".name", label).textContent;
  const words = plain ? say("price.changed", { price: now }) : say("price.ask_again");
  shown.textContent = now;
  one(".was", label)?.remove();
  one(".changed", label)?.remove();
  one(".foot", label).before(el("p", { class: "changed", text: words }));
  // The oldest of several labels of one product speaks for all.
  if (label === one(`.label[data-sku="${CSS.escape(label.dataset.sku)}"]`)) told(`${name}: ${words}`);
}

function money(amount, currency) {
  return new Intl.NumberFormat(language(), { style: "currency", currency, currencyDisplay: "narrowSymbol" }).format(amount);
}
