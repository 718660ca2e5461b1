// What a shopper tells of themselves, if they want, with consent: kept by the box for this conversation, or
// beyond it.

import { choices, ticked } from "../common/choices.js";
import { one, opened, shown } from "../common/dom.js";
import { language, say } from "../common/words.js";
import { Refused } from "../common/api.js";
import * as pass from "./pass.js";

const DIETS = ["vegan", "vegetarian", "gluten_free", "lactose_free", "halal", "kosher"];
const ALLERGENS = ["gluten", "milk", "eggs", "nuts", "peanuts", "soy", "fish", "crustaceans", "sesame"];

let sheet;
let form;
let known = {};
/** The code under which it is kept beyond the conversation; null where it goes with it. */
let code = null;

export const clear = () => {
  known = {};
  code = null;
};

/** What the box knows of whoever talks here. */
function learn({ id = null, size, style, diet, avoid_allergens, language: spoken }) {
  known = { consent: true, size, style, diet, avoid_allergens, language: spoken };
  code = id;
}

/** Learns it again after the page was loaded anew. */
export async function recall(conversation) {
  const view = await conversation.profile("GET").catch(() => null);
  if (view) learn(view);
}

function paint() {
  const named = (kind, values) => values.map((value) => [value, say(`${kind}.${value}`)]);
  choices(one("#diets"), "diet", named("diet", DIETS), {
    many: true, is: (value) => known.diet?.includes(value) ?? false,
  });
  choices(one("#allergens"), "avoid", named("allergen", ALLERGENS), {
    many: true, is: (value) => known.avoid_allergens?.includes(value) ?? false,
  });
  form.size.value = known.size ?? "";
  form.style.value = known.style ?? "";
  form.consent.checked = known.consent === true;
  one("#profile-fault").textContent = "";
  form.beyond.checked = code !== null;
  form.beyond.disabled = code !== null;
  shown(one("#profile-remove"), known.consent === true);
}

function told() {
  const fields = {
    consent: true,
    language: language(),
    diet: ticked(one("#diets")),
    avoid_allergens: ticked(one("#allergens")),
  };
  for (const name of ["size", "style"]) {
    const value = form[name].value.trim();
    if (value) fields[name] = value;
  }
  return fields;
}

function fault(text) {
  one("#profile-fault").textContent = text;
}

async function keep(conversation) {
  if (!form.consent.checked) {
    fault(say("profile.no_consent"));
    form.consent.focus();
    return;
  }
  try {
    const fields = told();
    if (form.beyond.checked && !code) {
      const kept = await pass.keep(fields);
      await conversation.profile("POST", { profile: kept.id });
      learn(kept);
      sheet.close("kept");
      await pass.show(kept);
      return;
    }
    learn(await conversation.profile("PUT", fields));
    sheet.close("kept");
  } catch (refused) {
    fault(refused instanceof Refused ? refused.message : say("fault.unreachable"));
  }
}

async function remove(conversation) {
  try {
    await (code ? pass.erase(code) : conversation.profile("DELETE"));
    clear();
    sheet.close("removed");
  } catch (refused) {
    fault(refused instanceof Refused ? refused.message : say("fault.unreachable"));
  }
}

/** `ready` gives a conversation that has begun; `done` is told `kept`, `brought` or `removed`. */
export function prepare(conversation, ready, done) {
  sheet = one("#profile-sheet");
  form = one("form", sheet);
  one("#profile-keep").addEventListener("click", async () => {
    if (await ready()) await keep(conversation);
  });
  one("#profile-remove").addEventListener("click", () => remove(conversation));
  one("#profile-bring").addEventListener("click", async () => {
    sheet.close("");
    const brought = await pass.bring(async (shown) => {
      if (!(await ready())) throw new Error("no conversation");
      return conversation.profile("POST", { profile: shown });
    });
    if (!brought) return;
    learn(brought);
    done("brought");
  });
  form.addEventListener("keydown", (event) => {
    // Enter in a field would press the first button, which is Cancel.
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
  });
  one("#profile").addEventListener("click", async () => {
    paint();
    const closed = await opened(sheet);
    if (closed) done(closed);
  });
}
