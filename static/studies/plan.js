// The form of a study's plan: filled from the plan, and read back into it. What the form does not show stays as it was.

import { fill, h } from "../kit.js";
import { sentence } from "../people/parts.js";
import { asked, showAsked } from "./asking.js";

const DAY_MS = 86_400_000;

const settings = () => [...document.querySelectorAll("[data-plan] .setting[data-kind]")];
const field = (setting) => setting.querySelector("[name]");

const listed = (text) => text.split(",").map((each) => each.trim()).filter(Boolean);

/** How each kind of field shows a value, and reads it back. */
const KINDS = {
  text: [(input, value) => (input.value = value), (input) => input.value],
  number: [(input, value) => (input.value = value ?? ""), (input) => (input.value === "" ? null : Number(input.value))],
  percent: [(input, value) => (input.value = Math.round(value * 1e4) / 100), (input) => Number(input.value) / 100],
  // the end of that day, where the person is
  day: [(input, value) => (input.value = value ? dayOf(value) : ""), (input) => (input.value ? new Date(`${input.value}T00:00`).getTime() + DAY_MS - 1 : null)],
  choice: [(input, value) => (input.value = value), (input) => input.value],
  list: [(input, value) => (input.value = value.join(", ")), (input) => listed(input.value)],
  tick: [(input, value) => (input.checked = value), (input) => input.checked],
};

function dayOf(ms) {
  const at = new Date(ms);
  return [at.getFullYear(), String(at.getMonth() + 1).padStart(2, "0"), String(at.getDate()).padStart(2, "0")].join("-");
}

const AUDIENCES = { people: "named", groups: "groups" }; // which field is for whom it is open to
const audience = () => document.querySelector("[data-plan] [name=audience]");
const namesField = () => document.querySelector("[data-plan] [name=people]");

/** Show the fields that belong to whom the study is open to, and no others. */
function showAudience() {
  for (const [name, of] of Object.entries(AUDIENCES)) document.querySelector(`[data-plan] [data-field=${name}]`).hidden = audience().value !== of;
}

/** The names of those it is open to, if it is to some. */
export const namedPeople = () => (audience().value === "named" ? listed(namesField().value) : undefined);

/** Fill the form. versions: those that could answer; people: names of those that it is open to. */
export function showPlan(plan, versions, people) {
  namesField().value = people.join(", ");
  audience().addEventListener("change", showAudience);
  const arms = document.querySelector("[data-versions]");
  const tick = ({ id, name }) => h("label", {}, h("input", { type: "checkbox", value: id, checked: plan.arms.includes(id) }), name);
  fill(arms, versions.map(tick));
  showAsked(plan);
  for (const setting of settings()) {
    const kind = KINDS[setting.dataset.kind];
    if (kind) kind[0](field(setting), plan[field(setting).name]);
  }
  showAudience();
}

/** The plan as the form says it. before: as it was. */
export function planned(before) {
  const arms = [...document.querySelectorAll("[data-versions] input:checked")].map((input) => input.value);
  const read = settings().filter((setting) => KINDS[setting.dataset.kind]);
  return { ...before, ...asked(), arms, ...Object.fromEntries(read.map((setting) => [field(setting).name, KINDS[setting.dataset.kind][1](field(setting))])) };
}

/** What is wrong with a plan is said at the fields that can mend it. True if every part of it was. */
export function tellAtFields(error) {
  const parts = Array.isArray(error?.body?.detail) ? error.body.detail : [];
  const fieldOf = ({ loc = [] }) => loc.map((step) => document.querySelector(`[data-plan] [data-field="${CSS.escape(step)}"]`)).find(Boolean);
  for (const line of document.querySelectorAll("[data-plan] .wrong")) line.textContent = "";
  for (const part of parts) {
    const line = fieldOf(part)?.querySelector(".wrong");
    if (line) line.textContent += `${line.textContent && " "}${sentence(part.msg.replace("Value error, ", ""))}`;
  }
  const first = parts.map(fieldOf).find(Boolean);
  first?.querySelector("input, select, button")?.focus();
  return parts.length > 0 && parts.every(fieldOf);
}
