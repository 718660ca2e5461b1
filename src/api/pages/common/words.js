// The pages' own words, in the language of who looks.

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español" };

let words = {};
let current = "en";

export const language = () => current;

/** The language to begin with: the one chosen before, else the browser's, else English. */
export function preferred(chosen) {
  const wanted = [chosen, ...navigator.languages].filter(Boolean).map((tag) => tag.slice(0, 2));
  return wanted.find((tag) => tag in LANGUAGES) ?? "en";
}

/** Brings in a language's words and says everything on the page in it. */
export async function speak(tag) {
  const answer = await fetch(`/pages/words/${tag}.json`);
  if (!answer.ok) throw new Error(`no words of ${tag}`);
  words = await answer.json();
  current = tag;
  document.documentElement.lang = tag;
  fill(document);
  document.dispatchEvent(new CustomEvent("words"));
}

/**
 * The words of a key, with `{name}` replaced. Where the entry has forms, `count` chooses among them as
 * the language does.
 */
export function say(key, values = {}) {
  let entry = words[key];
  if (entry && typeof entry === "object") {
    entry = entry[new Intl.PluralRules(current).select(values.count ?? 0)] ?? entry.other;
  }
  if (entry === undefined) return key;
  return entry.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Whether there are words of this key. */
export const known = (key) => key in words;

/**
 * Says what the markup asks for: `data-word` is an element's text, `data-word-ATTRIBUTE` an attribute.
 */
export function fill(root) {
  for (const element of root.querySelectorAll("[data-word]")) {
    element.textContent = say(element.dataset.word);
  }
  for (const attribute of ["aria-label", "placeholder", "title"]) {
    for (const element of root.querySelectorAll(`[data-word-${attribute}]`)) {
      element.setAttribute(attribute, say(element.getAttribute(`data-word-${attribute}`)));
    }
  }
}
