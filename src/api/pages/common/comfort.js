// How the page looks and speaks. A kiosk begins as its address says (`/kiosk?scheme=dark&limit=300`) and
// goes back to that for the next shopper; a handheld is somebody's own and keeps it in the browser.

const KEY = "endcap.comfort";
const CHOICES = {
  scheme: ["auto", "light", "dark", "contrast"],
  size: ["normal", "large", "largest"],
};
const PLAIN = {
  scheme: "auto",
  size: "normal",
  voice: false,
  captions: true,
  keys: false,
  limit_s: 120, // 0: none
  language: null,
  volume: 0.7,
};

let first = { ...PLAIN };
let current = { ...PLAIN };
let keeps = false;

export const comfort = () => current;

/** Begins as the address says. */
export function fromAddress(query = new URLSearchParams(location.search)) {
  const asked = {};
  for (const [name, choices] of Object.entries(CHOICES)) {
    if (choices.includes(query.get(name))) asked[name] = query.get(name);
  }
  for (const name of ["voice", "keys"]) if (query.has(name)) asked[name] = query.get(name) !== "0";
  if (/^[a-z]{2}$/.test(query.get("language") ?? "")) asked.language = query.get("language");
  if (/^\d{1,5}$/.test(query.get("limit") ?? "")) asked.limit_s = Number(query.get("limit"));
  first = { ...PLAIN, ...asked };
  settle();
}

/** Begins as it was left. */
export function fromBrowser() {
  keeps = true;
  try {
    first = { ...PLAIN, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    // A browser that keeps nothing begins plainly.
  }
  settle();
}

/** Changes some of it, and shows it. */
export function change(part) {
  current = { ...current, ...part };
  if (keeps) {
    try {
      localStorage.setItem(KEY, JSON.stringify(current));
    } catch {
      // It is shown until the page is left.
    }
  }
  show();
}

/** Back to how it began: what one shopper chose is not the next one's. */
export function settle() {
  current = { ...first };
  show();
}

function show() {
  const root = document.documentElement;
  const more = matchMedia("(prefers-contrast: more)").matches;
  root.dataset.scheme = current.scheme === "auto" && more ? "contrast" : current.scheme;
  root.dataset.size = current.size;
  document.dispatchEvent(new CustomEvent("comfort"));
}

matchMedia("(prefers-contrast: more)").addEventListener("change", show);
