// What there is to say about an answer, in a line of words and by the study's reasons: one comment, of which the last counts.
//
// A reason is saved as it is pressed, the words when one leaves the line; until then they are kept as a draft of this tab.

import { critiqueDraft } from "../../drafts.js";
import { h } from "../../kit.js";
import { listed } from "../folds.js";

const USUAL = ["correct", "complete", "clear", "wrong", "incomplete", "unclear"];
const MOST_CHARS = 2_000;
const WITH_DIGITS = 9; // reasons, from the first on

const keyOf = (index) => (index < WITH_DIGITS ? String(index + 1) : null);
const ARROWS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Among the reasons: a digit presses one, arrows go along them and back to the line of words. */
function byKey(event, chips, field) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const buttons = [...chips.querySelectorAll("button")];
  const pressed = buttons.find((button) => button.getAttribute("aria-keyshortcuts") === event.key);
  if (pressed) {
    if (!event.repeat) pressed.click();
  } else if (event.key in ARROWS) (buttons[buttons.indexOf(document.activeElement) + ARROWS[event.key]] ?? field).focus();
  else return;
  event.preventDefault();
}

/**
 * A row of the card. comment(answer, {text, tags}): say it, resolves once the server has it; marksOf(answer): what was said;
 * leave(): the keyboard is done with the line.
 */
export function critiqueRow(reasons, { comment, marksOf, leave }) {
  const words = reasons.length ? reasons : USUAL;
  const open = new Map(); // answer id -> saves what is written and not saved

  const row = {
    kind: "critique",
    label: "In words",
    key: "I",

    make(answer) {
      const who = listed(answer.letters);
      const draft = critiqueDraft(answer.id);
      const said = () => marksOf(answer);
      const field = h("input", { class: "field", name: "critique", dir: "auto", maxlength: String(MOST_CHARS), autocomplete: "off", placeholder: "What is there to say? Saved as you leave the line", "aria-label": `In words, answer ${who}` });
      const state = h("span", { class: "saved-state" });
      const chip = (reason, index) =>
        h("button", { type: "button", class: "chip", "data-tag": reason, "aria-pressed": "false", "aria-keyshortcuts": keyOf(index), "aria-label": `${reason}, answer ${who}`, onclick: ({ currentTarget }) => save(currentTarget.getAttribute("aria-pressed") === "true" ? said().tags.filter((tag) => tag !== reason) : [...said().tags, reason]) }, reason, keyOf(index) && h("kbd", {}, keyOf(index)));
      // a reason that was chosen and is none of the study's any more can still be taken off
      const tags = [...words, ...said().tags.filter((tag) => !words.includes(tag))];
      const chips = h("div", { class: "reasons", role: "group", "aria-label": `Reasons, answer ${who}` }, tags.map(chip));

      async function save(tags = said().tags) {
        const text = field.value.trim();
        draft.letGo();
        open.delete(answer.id);
        if (text === said().comment && tags.join("\n") === said().tags.join("\n")) return void (state.textContent = "");
        state.textContent = "Saving";
        try {
          await comment(answer, { text, tags });
          state.textContent = open.has(answer.id) ? state.textContent : "Saved";
        } catch (error) {
          state.textContent = `Not saved: ${error.message}`;
        }
      }
      function written() {
        draft.text = field.value;
        open.set(answer.id, save);
        state.textContent = "Not saved yet";
      }
      field.value = draft.text ?? said().comment;
      if (field.value.trim() !== said().comment) written();
      field.addEventListener("input", written);
      field.addEventListener("change", () => open.has(answer.id) && save());
      chips.addEventListener("keydown", (event) => byKey(event, chips, field));
      field.addEventListener("keydown", (event) => {
        if (event.key === "ArrowDown" && !event.isComposing) return void (event.preventDefault(), chips.querySelector("button")?.focus());
        if (event.key !== "Enter" || event.isComposing) return;
        event.preventDefault();
        if (open.has(answer.id)) save();
        leave();
      });
      return h("div", { class: "critique" }, h("div", { class: "line-of" }, field, state), chips);
    },

    draw(cell, answer) {
      const { comment: text, tags } = marksOf(answer);
      const field = cell.querySelector("input");
      if (document.activeElement !== field && !open.has(answer.id)) field.value = text;
      for (const chip of cell.querySelectorAll("[data-tag]")) chip.setAttribute("aria-pressed", String(tags.includes(chip.dataset.tag)));
    },

    lacks: () => false,
    focus: (cell) => cell.querySelector("input").focus(),

    /** Save what is written and not saved yet. */
    flush() {
      for (const save of [...open.values()]) save();
    },
  };
  return row;
}
