// The page of one study, for whoever leads it: how it stands, its items, its guidelines, its plan. The form of the plan has
// a module of its own.

import "../shell.js";
import { call } from "../api.js";
import { ask, fill, get, h, number, post } from "../kit.js";
import { attempt, moment, onSubmit, saidOf, table } from "../people/parts.js";
import { tellNameless } from "./asking.js";
import { showCare } from "./care.js";
import { showLinks } from "./links.js";
import { namedPeople, planned, showPlan, tellAtFields } from "./plan.js";
import { bar } from "./progress.js";

const find = (selector) => document.querySelector(selector);
const path = `/api/studies/${find("[data-study]").dataset.study}`;
const STATES = {
  draft: ["It has not begun: nobody but those who lead studies sees it.", ["open", "Open it"]],
  open: ["It is open: items are handed out.", ["paused", "Pause it"], ["ended", "End it"]],
  paused: ["It rests: nothing is handed out, what is in view can be answered.", ["open", "Open it again"], ["ended", "End it"]],
  ended: ["It has ended: nothing is handed out.", ["open", "Open it again"]],
};
const FIRST = 20; // items that are shown before more are asked for
const MORE = 100;
const UNFIT = "It is not saved; what does not fit is said at its field.";
let led = null;
let stored = ""; // guidelines, as the server told them last
let shown = 0; // items

start();

async function start() {
  try {
    const [found, { versions }] = await Promise.all([get(path), get("/api/versions")]);
    showPlan(found.study.plan, versions, found.named);
    find("[data-plan] [name=name]").value = found.study.name;
    show(found);
    await Promise.all([showItems(), showGuidelines(), showCare(find("[data-care]"), path), showLinks(found.study, path, show)]);
  } catch (error) {
    saidOf(find("[data-states]")).textContent = error.message;
  }
}

/** How it stands, as the server has just told. */
function show(found) {
  led = found;
  const { study, share, guidelines } = found;
  const [words, ...next] = STATES[study.status];
  find("[data-name]").textContent = study.name;
  find("[data-about]").textContent = study.plan.about;
  find("[data-state]").textContent = words;
  fill(find("[data-progress]"), bar(share.answers, share.target, `${number(share.answers)} of ${number(share.target)} ${share.target === 1 ? "answer" : "answers"}, ${number(share.items)} ${share.items === 1 ? "item" : "items"}`));
  fill(find("[data-states]"), next.map(([status, label]) => stateButton(status, label)), study.status === "open" && h("a", { class: "button", href: `/?study=${study.id}` }, "Try it"));
  find("[data-version]").textContent = study.guidelines ? `Version ${study.guidelines}. Each comparison keeps the version that held.` : "None yet.";
  const field = find("[data-guidelines] textarea");
  if (field.value === stored) field.value = guidelines; // else something else is being written there
  stored = guidelines;
}

function stateButton(status, label) {
  const button = h("button", { class: status === "open" ? "button primary" : "button", type: "button" }, label);
  button.addEventListener("click", async () => {
    if (status === "ended" && !(await ask("End this study?", "Nothing more is handed out. You can open it again.", "End it"))) return;
    const done = await attempt(button, saidOf(button), async () => {
      if (status === "open") await save({ guidelines: find("[data-guidelines] textarea").value }); // what was typed is what is opened
      show(await call("PATCH", path, { status }));
    });
    if (done) find("[data-states] button")?.focus(); // else a field has it that does not fit
  });
  return button;
}

async function refresh() {
  const { study, share } = await get(path);
  show({ ...led, study, share });
}

// --- items -------------------------------------------------------------------------------------------

const bring = find("[data-bring]");
bring.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(bring.querySelector("button"), saidOf(bring), async () => {
    await told(await call("POST", `${path}/items/file`, undefined, { body: new FormData(bring) }));
    bring.reset();
  });
});
onSubmit(find("[data-take]"), saidOf(bring), async ({ most }) => told(await post(`${path}/items/from-store`, { most: Number(most) })));
find("[data-look-again]").addEventListener("click", ({ currentTarget }) => attempt(currentTarget, saidOf(currentTarget), () => showCare(find("[data-care]"), path)));
find("[data-further]").addEventListener("click", ({ currentTarget }) => attempt(currentTarget, saidOf(bring), further));

/** What came of bringing items in. */
async function told({ sentence, failed, bad_lines: named }) {
  const more = failed - named.length;
  await showItems();
  await refresh();
  fill(
    saidOf(bring),
    h("p", {}, sentence),
    named.length > 0 && h("ul", { class: "bad-lines" }, named.map((line) => h("li", {}, `line ${line.number}: ${line.message}`)), more > 0 && h("li", {}, `and ${number(more)} more`)),
  );
}

async function showItems() {
  shown = 0;
  fill(find("[data-items]"));
  await further();
}

async function further() {
  const { count, items } = await get(`${path}/items?offset=${shown}&limit=${shown ? MORE : FIRST}`);
  shown += items.length;
  const left = count - shown;
  find("[data-further]").hidden = left <= 0;
  find("[data-further]").textContent = left > MORE ? `Show ${MORE} more of ${number(left)}` : `Show all ${number(count)}`;
  if (!count) return fill(find("[data-items]"), h("p", {}, "None yet."));
  const rows = items.map(itemRow);
  const body = find("[data-items] tbody");
  const made = table("Items", ["Question", "Tags", "Best known", ""], rows);
  if (body) body.append(...made.querySelector("tbody").children);
  else fill(find("[data-items]"), made);
}

function itemRow(item) {
  const label = () => (item.archived ? "Take out again" : "Put away");
  const button = h("button", { class: "button", type: "button", "aria-label": `${label()}: ${item.text.slice(0, 60)}` }, label());
  const question = h("span", { class: item.archived ? "off question" : "question", dir: "auto" }, item.text);
  button.addEventListener("click", () =>
    attempt(button, saidOf(button), async () => {
      await call("PATCH", `${path}/items`, { ids: [item.id], archived: !item.archived });
      item.archived = !item.archived;
      question.classList.toggle("off", item.archived);
      button.textContent = label();
      button.setAttribute("aria-label", `${label()}: ${item.text.slice(0, 60)}`);
      await refresh();
    }),
  );
  return [question, item.tags.map((tag) => h("span", { class: "tag" }, tag)), item.gold === null ? "" : `answer ${item.gold + 1}`, button];
}

// --- guidelines and plan -----------------------------------------------------------------------------

onSubmit(find("[data-guidelines]"), saidOf(find("[data-guidelines]")), async ({ guidelines }) => {
  const before = led.study.guidelines;
  show(await call("PATCH", path, { guidelines }));
  await showGuidelines();
  const { guidelines: version } = led.study;
  saidOf(find("[data-guidelines]")).textContent = version === before ? "They say the same as before." : `Version ${version} is stored, ${moment(Date.now())}.`;
});

async function showGuidelines() {
  const { html } = await get(`${path}/guidelines`);
  find("[data-shown]").innerHTML = html; // sanitised by the server
}

/** Save the plan as the form has it, and what else is given. */
async function save(more = {}) {
  tellAtFields(null);
  if (tellNameless()) throw new Error(UNFIT);
  try {
    const name = find("[data-plan] [name=name]").value;
    show(await call("PATCH", path, { name, plan: planned(led.study.plan), named: namedPeople(), ...more }));
    if ("guidelines" in more) await showGuidelines();
  } catch (error) {
    throw tellAtFields(error) ? new Error(UNFIT) : error;
  }
}

onSubmit(find("[data-plan]"), saidOf(find("[data-plan]")), async () => {
  await save();
  await showLinks(led.study, path, show);
  saidOf(find("[data-plan]")).textContent = "The plan is saved.";
});
