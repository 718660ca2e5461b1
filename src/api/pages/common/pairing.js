// Makes this browser a device of the shop, by a code that somebody of the shop has.

import { ask, Refused } from "./api.js";
import { one, shown } from "./dom.js";
import { say } from "./words.js";

/** Who this browser is to the box; null where it is not paired. Throws where nobody answers. */
export async function device() {
  try {
    return await ask("GET", "/store/v1/device");
  } catch (fault) {
    if (fault instanceof Refused && [401, 403].includes(fault.status)) return null;
    throw fault;
  }
}

/** Has the box forget this browser. */
export const unpair = () => ask("DELETE", "/store/v1/device");

/** As people read codes: capitals and digits, with a dash in the middle. */
export function tidy(text) {
  const plain = text.toUpperCase().replace(/[^A-Z0-9]/g, "").slice(0, 8);
  return plain.length > 4 ? `${plain.slice(0, 4)}-${plain.slice(4)}` : plain;
}

function why(fault) {
  if (!(fault instanceof Refused)) return say("pair.unreachable");
  if (fault.status === 429) return say("pair.too_often", { count: fault.retryAfter ?? 60 });
  return say("pair.wrong");
}

/** Shows the pairing screen until the browser is paired; gives the device. */
export function pair(screen) {
  const form = one("form", screen);
  const [code, name] = [one("[name=code]", form), one("[name=name]", form)];
  const fault = one(".fault", form);
  const beneath = [...document.body.children].filter((part) => part !== screen);
  const cover = (is) => {
    shown(screen, is);
    for (const part of beneath) part.inert = is;
  };
  cover(true);
  // Such a page does not say where it comes from, and then a browser's cookie opens nothing.
  if (!window.isSecureContext) fault.textContent = say("pair.insecure");
  code.focus();
  code.addEventListener("input", () => {
    code.value = tidy(code.value);
    code.removeAttribute("aria-invalid");
  });
  return new Promise((done) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      fault.textContent = "";
      if (tidy(code.value).replace("-", "").length < 6) {
        refuse(say("pair.short"));
        return;
      }
      const button = one("button", form);
      button.disabled = true;
      try {
        const paired = await ask("POST", "/store/v1/pair", {
          code: tidy(code.value),
          name: name.value.trim() || say("pair.unnamed"),
        });
        cover(false);
        done(paired.device ?? paired);
      } catch (refused) {
        refuse(why(refused));
      } finally {
        button.disabled = false;
      }
    });
    function refuse(text) {
      fault.textContent = text;
      code.setAttribute("aria-invalid", "true");
      code.focus();
      code.select();
    }
  });
}
