// What a shopper tells of themselves, if they want: kept by the box for this conversation, with consent.

import { choices, ticked } from "../common/choices.js";
import { one, opened, shown } from "../common/dom.js";
import { language, say } from "../common/words.js";
import { Refused } from "../common/api.js";

const DIETS = ["vegan", "vegetarian", "gluten_free", "lactose_free", "halal", "kosher"];
const ALLERGENS = ["gluten", "milk", "eggs", "nuts", "peanuts", "soy", "fish", "crustaceans", "sesame"];

let sheet;
let form;
let known = {};

export const clear = () => {
  known = {};
};

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
    await conversation.profile("PUT", fields);
    known = fields;
    sheet.close("kept");
  } catch (refused) {
    fault(refused instanceof Refused ? refused.message : say("fault.unreachable"));
  }
}

async function remove(conversation) {
  try {
    await conversation.profile("DELETE");
    clear();
    sheet.close("removed");
  } catch (refused) {
    fault(refused instanceof Refused ? refused.message : say("fault.unreachable"));
  }
}

/** `ready` gives a conversation that has begun; `done` is told `kept` or `removed`. */
export function prepare(conversation, ready, done) {
  sheet = one("#profile-sheet");
  form = one("form", sheet);
  one("#profile-keep").addEventListener("click", async () => {
    if (await ready()) await keep(conversation);
  });
  one("#profile-remove").addEventListener("click", () => remove(conversation));
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
