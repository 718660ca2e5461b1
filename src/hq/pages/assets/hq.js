// Keeps an open page fresh: when HQ says that something changed, the page's middle is fetched anew.
"use strict";

const main = document.getElementById("main");
let fetching = false;
let again = false;

function filter() {
  const find = document.getElementById("find");
  if (!find) return;
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const tile of document.querySelectorAll(".tile")) {
    const text = tile.dataset.find.toLowerCase();
    tile.hidden = !words.every((word) => text.includes(word));
  }
}

// Whoever is filling in a form or about to confirm must not lose it.
function busy() {
  const active = document.activeElement;
  return document.querySelector("details.sure[open]") || (active && active.closest("[data-keep]"));
}

async function freshen() {
  if (busy()) return;
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) return;
    if (busy()) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const find = document.getElementById("find");
    const typed = find ? find.value : "";
    const focused = document.activeElement === find;
    main.replaceChildren(...page.getElementById("main").childNodes);
    const anew = document.getElementById("find");
    if (anew) {
      anew.value = typed;
      if (focused) anew.focus();
    }
    const pill = document.querySelector(".who .pill");
    const other = page.querySelector(".who .pill");
    if (pill && other) pill.replaceWith(other);
    filter();
  } finally {
    fetching = false;
    if (again) { again = false; setTimeout(freshen, 500); }
  }
}

document.addEventListener("input", (event) => { if (event.target.id === "find") filter(); });
new EventSource("/live").addEventListener("changed", freshen);
// Ages go on even where nothing happens.
setInterval(() => { if (!document.hidden) freshen(); }, 30000);
