// Asks whether reading may be recorded: a dialog with the server's text and two answers that weigh the same. Closing it
// is no answer. Knows the text only as the server's own HTML, which it sanitises.

import { call } from "../api.js";
import { h } from "../kit.js";
import { sentence } from "./parts.js";

let open = null;

/** Ask; resolves with what /api/me says after the answer, or null if there was none. One dialog at a time. */
export function askConsent() {
  open ??= ask().finally(() => (open = null));
  return open;
}

async function ask() {
  const asking = await call("GET", "/api/me/consent");
  if (!asking.version) return null;
  return new Promise((resolve) => show(asking, resolve));
}

function show(asking, resolve) {
  let me = null;
  const text = h("div", { class: "text", id: "consent-text" });
  text.innerHTML = asking.html; // the server has made it of Markdown and sanitised it
  const wrong = h("p", { class: "wrong", role: "alert" });
  const answer = (agreed) => async () => {
    buttons.forEach((button) => (button.disabled = true));
    wrong.textContent = "";
    try {
      me = await call("POST", "/api/me/consent", { version: asking.version, agreed });
      dialog.close();
    } catch (error) {
      wrong.textContent = sentence(error.message);
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  };
  const buttons = [
    h("button", { class: "button", type: "button", onclick: answer(true) }, "Yes, record how I read"),
    h("button", { class: "button", type: "button", onclick: answer(false) }, "No, only what I say"),
  ];
  const dialog = h(
    "dialog",
    { class: "pop centre consent", tabindex: "-1", "aria-label": "May we record how you read?", "aria-describedby": "consent-text" },
    text,
    wrong,
    h("div", { class: "yes-no" }, buttons),
    h(
      "div",
      { class: "later" },
      h("p", { class: "small" }, asking.agreed === null ? UNTIL : past(asking)),
      h("button", { class: "link", type: "button", onclick: () => dialog.close() }, asking.agreed === null ? "Decide later" : "Leave it so"),
    ),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (document.activeElement === document.body) begin();
    resolve(me);
  });
  document.body.append(dialog);
  dialog.showModal();
  dialog.focus(); // it is to be read from the top, and Enter answers nothing
}

const UNTIL = "You can decide later; until then nothing of how you read is recorded. What you ask and choose is stored.";
const past = ({ agreed }) => `So far you have said ${agreed ? "yes" : "no"}.`;

/** Where the focus had been on nothing: to where one writes, if there is a keyboard for it, or else to the page's beginning. */
function begin() {
  const field = matchMedia("(pointer: fine)").matches && document.querySelector("textarea.query");
  (field || document.getElementById("page"))?.focus({ preventScroll: true });
}
