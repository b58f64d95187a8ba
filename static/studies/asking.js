// What people are asked, in the form of a plan: its formats, the aspects that answers are rated on, the reasons.

import { fill, h } from "../kit.js";

const POINTS = [1, 2, 3, 4, 5];
const USUAL = [
  ["Best answer", ["best"]],
  ["Best answer, and how much", ["best", "strength"]],
  ["Ranking", ["ranking"]],
  ["Ratings", ["ratings"]],
  ["Good or bad", ["binary"]],
  ["Everything", ["best", "strength", "ranking", "ratings", "binary", "critique", "passages", "edit"]],
];
const ASPECTS = [
  { name: "correct", weight: 1, anchors: ["wrong", "mostly wrong", "half right", "mostly right", "right"] },
  { name: "complete", weight: 1, anchors: ["nothing of it", "little of it", "half of it", "most of it", "all of it"] },
  { name: "clear", weight: 1, anchors: ["not at all", "hardly", "partly", "mostly", "entirely"] },
];

const find = (selector) => document.querySelector(`[data-plan] ${selector}`);
const ticks = () => [...document.querySelectorAll("[data-plan] .tick input")];

/** Fill this part of the form from a plan. */
export function showAsked({ formats, aspects, reasons }) {
  choose(formats);
  fill(find("[data-aspects]"), aspects.map(aspectOf));
  find("[data-reasons]").value = reasons.join(", ");
  fill(find("[data-usual]"), USUAL.map(([label, these]) => h("button", { class: "button", type: "button", onclick: () => chooseUsual(these) }, label)));
  find("[data-add-aspect]").onclick = () => {
    const added = aspectOf({ name: "", weight: 1, anchors: [] });
    find("[data-aspects]").append(added);
    added.querySelector("input").focus();
  };
}

/** What the form says of it, as a plan has it. */
export function asked() {
  const formats = ticks().filter((tick) => tick.checked).map((tick) => tick.value);
  const reasons = find("[data-reasons]").value.split(",").map((each) => each.trim()).filter(Boolean);
  return { formats, aspects: [...document.querySelectorAll("[data-plan] .aspect")].map(read), reasons: [...new Set(reasons)] };
}

/** Lead to the first aspect that has no name, and say so; false if each has one. */
export function tellNameless() {
  const name = [...document.querySelectorAll("[data-plan] .aspect [data-name]")].find((input) => !input.value.trim());
  if (!name) return false;
  name.closest("[data-field]").querySelector(".wrong").textContent = "An aspect has no name yet: give it one, or remove it.";
  name.focus();
  return true;
}

function choose(formats) {
  for (const tick of ticks()) {
    tick.checked = formats.includes(tick.value);
    tick.onchange = showBoth;
  }
  showBoth();
}

/** Of two formats of which one takes the other's place it is said, while both are chosen. */
function showBoth() {
  const chosen = asked().formats;
  find("[data-both]").hidden = !(chosen.includes("strength") && chosen.includes("ranking"));
}

function chooseUsual(formats) {
  choose(formats);
  if (formats.includes("ratings") && !find(".aspect")) fill(find("[data-aspects]"), ASPECTS.map(aspectOf));
}

function aspectOf({ name, weight, anchors }) {
  const field = (label, given) => h("label", {}, label, h("input", { class: "field", autocomplete: "off", ...given }));
  const words = (point) => field(String(point), { "data-anchor": "", dir: "auto", maxlength: "80", value: anchors[point - 1] ?? "", placeholder: { 1: "worst", 5: "best" }[point] ?? "" });
  const remove = h("button", { class: "button", type: "button" }, "Remove");
  const element = h(
    "fieldset",
    { class: "aspect" },
    h("legend", { class: "visually-hidden" }, "Aspect"),
    h("div", { class: "line" }, field("Name", { "data-name": "", dir: "auto", maxlength: "40", required: true, value: name }), field("Weight", { "data-weight": "", type: "number", min: "-10", max: "10", step: "any", required: true, value: String(weight) }), remove),
    h("div", { class: "anchors", role: "group", "aria-label": "What 1 to 5 mean, in words" }, POINTS.map(words)),
  );
  remove.addEventListener("click", () => {
    element.remove();
    find("[data-add-aspect]").focus();
  });
  return element;
}

function read(element) {
  const anchors = [...element.querySelectorAll("[data-anchor]")].map((input) => input.value.trim());
  return {
    name: element.querySelector("[data-name]").value.trim(),
    weight: Number(element.querySelector("[data-weight]").value),
    anchors: anchors.some(Boolean) ? anchors : [],
  };
}
