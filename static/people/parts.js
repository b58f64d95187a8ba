// What the pages of people share: tables that are cards where there is no room, links and tokens that are shown once,
// forms and buttons that say what came of them. Knows no page.

import { toClipboard } from "../clipboard.js";
import { fill, h } from "../kit.js";

export const ROLES = ["annotator", "researcher", "administrator"];

/** A sentence as it is written: with a capital and a full stop. */
export function sentence(text) {
  const words = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?…]$/.test(words) ? words : `${words}.`;
}

/** The line below a form or button on which it is said what came of it. */
export const saidOf = (element) => element.closest(".panel").querySelector(".said");

/** Do something that may fail while `button` waits; a failure is told in `said`. True if it went well. Keeps the focus. */
export async function attempt(button, said, work) {
  const had = document.activeElement === button;
  button.disabled = true;
  for (const line of document.querySelectorAll(".said:not(:has(.once))")) fill(line); // about something else, and old
  fill(said);
  try {
    await work();
    return true;
  } catch (error) {
    said.textContent = sentence(error.message);
    return false;
  } finally {
    button.disabled = false;
    if (had && hasNoFocus()) button.focus();
  }
}

/** Whether the focus is on nothing: what had it was disabled, or is gone. */
const hasNoFocus = () => document.activeElement === document.body || document.activeElement?.matches("dialog") !== false;

/** After something is gone from a list: say so, and put the focus where the list begins, for its button is gone too. */
export function gone(list, words) {
  const panel = list.closest(".panel");
  const heading = panel.querySelector("h2");
  saidOf(list).textContent = words;
  heading.tabIndex = -1;
  heading.focus();
}

/** Put the focus back on what has this label, after its list was drawn anew. */
export const focusOn = (list, label) => list.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();

/** Have a form do `work(fields)` instead of being sent; a failure is told in `said`. */
export function onSubmit(form, said, work) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form));
    attempt(form.querySelector("button:not([type=button])"), said, () => work(fields));
  });
}

/** Something that is shown this once, with a button that copies it. */
export function once(label, text, hint) {
  const copied = h("button", { class: "button", type: "button" }, "Copy");
  copied.addEventListener("click", async () => {
    copied.textContent = (await toClipboard(text)) ? "Copied" : "Select and copy it";
    setTimeout(() => (copied.textContent = "Copy"), 2_000);
  });
  const field = h("input", { class: "field secret", readonly: true, value: text, "aria-label": label, onfocus: () => field.select() });
  return h("div", { class: "once" }, h("p", {}, hint), h("div", { class: "line" }, field, copied));
}

/** A table: columns are names, rows are lists of cells. Each cell knows its column's name, for where it is a card. */
export function table(label, columns, rows) {
  const head = columns.map((name) => h("th", { role: "columnheader", scope: "col" }, name || h("span", { class: "visually-hidden" }, "What to do")));
  const row = (cells) => h("tr", { role: "row" }, cells.map((cell, place) => h("td", { role: "cell", "data-label": columns[place] || null }, h("div", {}, cell))));
  return h(
    "table",
    { class: "plain cards", role: "table", "aria-label": label },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
    h("tbody", { role: "rowgroup" }, rows.map(row)),
  );
}

/** A select's options for roles, up to the one that may do most. */
export function roleOptions(most, chosen) {
  return ROLES.slice(0, ROLES.indexOf(most) + 1).map((role) => h("option", { value: role, selected: role === chosen }, role));
}

/** A moment in full, for lists in which the hour matters. */
export function moment(ms) {
  return new Date(ms).toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
}

/** A name as somebody wrote it, in whatever direction. */
export const named = (name) => h("bdi", {}, name);
