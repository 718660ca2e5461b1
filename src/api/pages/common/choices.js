// Groups of choices, made of what is offered.

import { el } from "./dom.js";

/**
 * Radio buttons (or boxes to tick, where `many`) that look like buttons. `offered` are [value, text]; `is`
 * says which are chosen; `chosen` is told of a change.
 */
export function choices(place, name, offered, { many = false, is, chosen = () => {} }) {
  const made = offered.map(([value, text]) => {
    const input = el("input", {
      type: many ? "checkbox" : "radio",
      name,
      value,
      on: { change: (event) => chosen(value, event.target.checked) },
    });
    input.checked = is(value);
    return el("label", { class: "choice" }, input, el("span", { text }));
  });
  place.replaceChildren(...made);
}

/** The values that are ticked. */
export function ticked(place) {
  return [...place.querySelectorAll("input:checked")].map((input) => input.value);
}
