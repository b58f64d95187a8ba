// Good or bad, each answer taken alone: the same marks as like and dislike, which are called so here.

import { h } from "../../kit.js";
import { listed } from "../folds.js";

const ACTS = [
  ["like", "Good", "L", "liked"],
  ["dislike", "Bad", "D", "disliked"],
];

/** A row of the card. judge(answer, act): put the mark on the answer or take it off; marksOf(answer): those it has. */
export function binaryRow({ judge, marksOf }) {
  return {
    kind: "binary",
    label: "Good or bad",

    make(answer) {
      const button = ([act, label, key]) =>
        h("button", { type: "button", "data-judge": act, "aria-pressed": "false", "aria-keyshortcuts": key, onclick: () => judge(answer, act) }, label, h("span", { class: "visually-hidden" }, ` (answer ${listed(answer.letters)})`), h("kbd", {}, key));
      return h("div", { class: "judge", role: "group", "aria-label": `Good or bad, answer ${listed(answer.letters)}` }, ACTS.map(button));
    },

    draw(cell, answer) {
      const marks = marksOf(answer);
      for (const [act, , , mark] of ACTS) cell.querySelector(`[data-judge="${act}"]`).setAttribute("aria-pressed", String(Boolean(marks[mark])));
    },

    lacks: (answer) => !marksOf(answer).liked && !marksOf(answer).disliked,
    focus: (cell) => cell.querySelector("button").focus(),
  };
}

/** The buttons of the answers' cards are called as the study calls them. */
export function nameMarks(panels, isAsked) {
  for (const panel of panels) {
    for (const [act, label] of ACTS) {
      const button = panel.querySelector(`.acts > [data-act="${act}"]`);
      button.dataset.usual ??= JSON.stringify([button.firstChild.data, button.title]);
      const [usual, title] = JSON.parse(button.dataset.usual);
      button.firstChild.data = isAsked ? label : usual;
      button.title = isAsked ? `This answer is ${label.toLowerCase()}` : title;
    }
  }
}
