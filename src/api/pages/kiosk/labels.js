// Products as labels on the edge of a shelf.

import { el, sign } from "../common/dom.js";
import { known, say } from "../common/words.js";

/** How much is there, in the page's words where they have some. */
export function stock(product) {
  const level = product.stock?.level ?? product.stock;
  if (level === undefined || level === null) return null;
  const text = known(`stock.${level}`) ? say(`stock.${level}`) : String(level);
  const signs = { in_stock: "check", low: "warn", out: "cross" };
  return el("p", { class: `stock ${level}` }, sign(signs[level] ?? "box"), el("span", { text }));
}

function price(product) {
  if (!product.price) return null;
  const was = product.was
    ? el("s", { class: "was" }, el("span", { class: "unseen", text: `${say("price.was")} ` }), product.was)
    : null;
  return el("p", { class: "price" }, el("b", { text: product.price }), was);
}

/** A word and a number, as "aisle 7", and what may follow: "bay 3". */
const SIGN = /^\p{L}+\.? ([\p{L}\d]{1,3})(?:, (.+))?$/u;

/** Where it stands, as the sign above an aisle where it is one. */
function where(product) {
  if (!product.aisle) return null;
  const [, number, rest] = SIGN.exec(product.aisle) ?? [];
  if (!number) return el("p", { class: "aisle long" }, sign("where"), el("span", { text: product.aisle }));
  return el(
    "p",
    { class: "aisle" },
    el("span", { text: say("aisle") }),
    " ",
    el("b", { text: number }),
    rest ? el("span", { text: ` ${rest}` }) : null,
  );
}

function label(product, chosen) {
  const out = (product.stock?.level ?? product.stock) === "out";
  const kind = ["label", product.promotion ? "offer" : "", out ? "gone" : ""].filter(Boolean).join(" ");
  return el(
    "li",
    { class: kind, data: { sku: product.sku } },
    el(
      "button",
      { type: "button", on: { click: () => chosen(product) } },
      el("span", { class: "unseen", text: `${say("label.more")} ` }),
      el("span", { class: "name", text: product.name }),
    ),
    product.promotion ? el("p", { class: "promotion", text: product.promotion }) : null,
    el("div", { class: "foot" }, price(product), where(product)),
    stock(product),
  );
}

/** A rail with these products; `chosen` is told which one was touched. */
export function rail(products, chosen) {
  if (!products?.length) return null;
  return el(
    "ul",
    { class: "rail", "aria-label": say("label.products", { count: products.length }) },
    ...products.map((product) => label(product, chosen)),
  );
}
