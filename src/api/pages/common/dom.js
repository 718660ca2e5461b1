// Elements, made without markup: whatever text comes over the line stays text.

/**
 * Makes an element. `props` are attributes, but for `on` (listeners by event), `data` (dataset) and
 * `text`; a value of null, undefined or false leaves an attribute out, true sets it empty.
 */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") {
      for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
    } else if (name === "data") {
      Object.assign(made.dataset, value);
    } else if (name === "text") {
      made.textContent = value;
    } else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : String(value));
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A sign of `icons/signs.svg`, which says nothing to who does not see it. */
export function sign(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "sign");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/pages/icons/signs.svg#${name}`);
  svg.append(use);
  return svg;
}

export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Shows or hides. */
export function shown(element, is) {
  element.hidden = !is;
}

/**
 * Opens a dialog; its focus goes back to what opened it, as the browser does. Gives what closed it: the
 * value of the button, or "" for Escape.
 */
export function opened(dialog) {
  if (dialog.open) return Promise.resolve("");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue), { once: true });
  });
}
