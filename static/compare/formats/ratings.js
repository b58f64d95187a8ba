// Ratings: one row for each aspect of the study, five points for each answer. What the ends mean stands there
// always, and what one point means while it is looked at or once it is chosen.

import { h } from "../../kit.js";
import { listed } from "../folds.js";

const POINTS = [1, 2, 3, 4, 5];
const USUAL = ["worst", "", "", "", "best"];

/** A row of the card. rate(answer, aspect, value): say it; marksOf(answer): what was said; goOn(): as the button Next does. */
export function ratingRow({ name, anchors }, { rate, marksOf, goOn }) {
  const words = (value) => (anchors.length ? anchors[value - 1] : USUAL[value - 1]);
  const ends = `1 ${words(1)}, 5 ${words(5)}`;
  const full = (value) => (words(value) ? `${value}, ${words(value)}` : String(value));
  /** Say what the point means that is looked at, else the one that is chosen. */
  function tell(rating, chosen) {
    const point = rating.querySelector("label:hover input") ?? rating.querySelector("input:focus-visible");
    rating.querySelector(".at-point").textContent = words(point ? Number(point.value) : chosen) ?? "";
  }
  return {
    kind: "ratings",
    label: name,

    make(answer) {
      const field = `rating-${answer.id}-${name}`;
      const meaning = h("span", { class: "meaning", title: ends, "aria-hidden": "true" }, h("span", { class: "at-point" }), h("span", { class: "ends" }, ends));
      const point = (value) =>
        h(
          "label",
          { title: full(value) },
          h("input", { type: "radio", class: "visually-hidden", name: field, value: String(value), "aria-label": full(value), onchange: () => rate(answer, name, value) }),
          h("span", { "aria-hidden": "true" }, String(value)),
        );
      const group = h("div", { class: "points", role: "radiogroup", "aria-label": `${name}, answer ${listed(answer.letters)}` }, POINTS.map(point));
      const rating = h("div", { class: "rating" }, group, meaning);
      for (const event of ["pointerover", "pointerleave", "focusin", "focusout"]) group.addEventListener(event, () => tell(rating, marksOf(answer).ratings[name]));
      group.addEventListener("keydown", (event) => {
        const value = Number(event.key);
        if (event.key === "Enter") return event.repeat || goOn();
        if (!POINTS.includes(value) || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        if (!event.repeat) rate(answer, name, value, true);
      });
      return rating;
    },

    draw(cell, answer) {
      const value = marksOf(answer).ratings[name];
      for (const input of cell.querySelectorAll("input")) input.checked = Number(input.value) === value;
      tell(cell, value);
    },

    lacks: (answer) => marksOf(answer).ratings[name] === undefined,
    focus: (cell) => (cell.querySelector("input:checked") ?? cell.querySelector("input")).focus(),

    /** Rate by a digit pressed elsewhere; false if there is no such point. */
    digit(answer, value) {
      if (!POINTS.includes(value)) return false;
      rate(answer, name, value, true);
      return true;
    },
  };
}
