// What a shopper told, beyond one visit: shown once as a code, and brought back by it.

import { ask, Refused } from "../common/api.js";
import { one, opened, shown } from "../common/dom.js";
import { say } from "../common/words.js";
import { Camera, canRead } from "./camera.js";

/** Letters and digits of a code. */
const LENGTH = 32;

/** As it was typed or read, without what stands between its groups; null where it is none. */
export function plain(text) {
  const code = text.toLowerCase().replace(/^\s*endcap:/, "").replace(/[^0-9a-z]/g, "");
  return code.length === LENGTH ? code : null;
}

/** In groups of four, as people read it to each other. */
export const grouped = (code) => code.toUpperCase().match(/.{1,4}/g).join(" ");

/** Keeps what was told beyond the conversation; gives the view, with its id and picture. */
export const keep = (fields) => ask("POST", "/store/v1/profiles", fields);

export const erase = (id) => ask("DELETE", `/store/v1/profiles/${id}`);

/** Shows a code to its shopper, this once; over when it is closed. */
export async function show({ id, qr }) {
  const picture = one("#pass-qr");
  shown(picture, Boolean(qr));
  if (qr) {
    picture.setAttribute("viewBox", `0 0 ${qr.size} ${qr.size}`);
    one("path", picture).setAttribute("d", qr.path);
  }
  one("#pass-code").textContent = grouped(id);
  await opened(one("#pass-sheet"));
  // It is nobody else's who comes to this screen.
  one("path", picture).removeAttribute("d");
  one("#pass-code").textContent = "";
}

/** Asks for a code; `use(code)` tries it. Over when the sheet is closed; gives what was brought, or null. */
export async function bring(use) {
  const sheet = one("#bring-sheet");
  const [form, field, fault] = [one("form", sheet), one("#bring-code"), one("#bring-fault")];
  const [camera, scan] = [new Camera(one("#bring-video")), one("#bring-camera")];
  const ending = new AbortController();
  let brought = null;
  const refuse = (text) => {
    fault.textContent = text;
    field.setAttribute("aria-invalid", "true");
    field.focus();
  };
  const submit = async () => {
    const code = plain(field.value);
    if (!code) return refuse(say("bring.short"));
    try {
      brought = await use(code);
      sheet.close("brought");
    } catch (refused) {
      refuse(refused instanceof Refused ? say("bring.unknown") : say("fault.unreachable"));
    }
  };
  const read = async () => {
    fault.textContent = "";
    try {
      await camera.read((text) => {
        const code = plain(text);
        if (code) field.value = grouped(code);
        return code !== null;
      });
      if (plain(field.value)) await submit();
    } catch {
      fault.textContent = say("bring.no_camera");
    }
  };
  const on = (element, event, act) => element.addEventListener(event, act, { signal: ending.signal });
  on(form, "submit", (event) => {
    event.preventDefault();
    submit();
  });
  on(field, "input", () => field.removeAttribute("aria-invalid"));
  on(one("#bring-cancel"), "click", () => sheet.close(""));
  on(scan, "click", read);
  field.value = "";
  fault.textContent = "";
  field.removeAttribute("aria-invalid");
  shown(scan, await canRead());
  await opened(sheet);
  ending.abort();
  camera.stop();
  field.value = "";
  return brought;
}
