// Teaches the assistant a better answer.

import { Refused } from "../common/api.js";
import { one, opened } from "../common/dom.js";
import { say } from "../common/words.js";

/** Asks for a better text of this turn and tells the box; gives whether it took it. */
export async function correct(desk, conversation, turn) {
  const sheet = one("#correct-sheet");
  const [field, fault, button] = ["#correct-text", "#correct-fault", "#correct-do"].map((name) => one(name, sheet));
  one("#correct-was", sheet).textContent = turn.text;
  field.value = turn.text;
  fault.textContent = "";
  let taken = false;
  button.onclick = async () => {
    const text = field.value.trim();
    if (!text || text === turn.text) {
      fault.textContent = say("correct.same");
      field.focus();
      return;
    }
    try {
      await desk.correct(conversation, turn.number, text);
      taken = true;
      sheet.close("yes");
    } catch (refused) {
      fault.textContent = refused instanceof Refused ? refused.message : say("fault.unreachable");
    }
  };
  await opened(sheet);
  return taken;
}
