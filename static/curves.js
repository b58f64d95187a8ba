// The Curves page: one run's verdict, its figures, what goes on now. Figures come from the API as plotly JSON and are
// updated in place, so that a zoom stays while a run goes on. Fills the element that it is started on; knows no Gradio.

import { ago, dot, fill, forAdministrators, get, h, isGoing, number, poll, post, say, serve, span } from "./kit.js";
import { draw as drawInto } from "./plots.js";

const GOING_MS = 1500;
const IDLE_MS = 8000;
const seen = {};
const state = { runs: [], id: new URLSearchParams(location.search).get("run"), run: null, drawn: null, drawing: false, stale: false };
let root = null;
let refresh = () => {};

const place = {
  choose: h("select", { class: "field", "aria-label": "Run", onchange: (event) => choose(event.target.value) }),
  lineage: h("p", { class: "lineage" }),
  verdict: h("div", { "aria-live": "polite" }),
  alarms: h("div", { "aria-live": "polite" }),
  main: h("div", {}),
  now: h("aside", { class: "panel now", "aria-label": "Going on now" }),
  rest: h("div", { class: "small-multiples" }),
  samples: h("div", {}),
  way: h("div", {}),
};
const page = h(
  "div",
  { class: "curves", hidden: true },
  h("div", { class: "chooser" }, place.choose, place.lineage),
  place.verdict,
  place.alarms,
  h("div", { class: "curves-grid" }, place.main, place.now),
  place.rest,
  place.samples,
  place.way,
);
const nothing = h(
  "div",
  { class: "empty", hidden: true },
  "No run yet. Its curves will move here as soon as it has begun. ",
  h("a", { class: "link", href: "/runs/" }, "Start one"),
);

/** Fill an element with the page and keep it up to date. */
export function start(element) {
  root = element;
  fill(root, page, nothing);
  refresh = poll(update);
  addEventListener("rlhb:theme", () => draw());
}

async function update() {
  const runs = await get("/api/runs", seen);
  if (runs) {
    state.runs = runs;
    if (!runs.some((run) => run.id === state.id)) state.id = firstToShow(runs)?.id ?? null;
    offer();
  }
  nothing.hidden = state.id !== null;
  page.hidden = state.id === null;
  if (state.id === null) return IDLE_MS;
  const run = await get(`/api/runs/${state.id}`, seen);
  if (run?.id === state.id) show((state.run = run));
  const figures = await get(`/api/runs/${state.id}/figures`, seen);
  if (figures?.run === state.id) draw(figures);
  return state.run && isGoing(state.run) ? GOING_MS : IDLE_MS;
}

/** The run that trains; else the newest one that has begun: one that waits has nothing to show. Newest first. */
function firstToShow(runs) {
  return runs.find((run) => run.status === "running") ?? runs.find((run) => run.status !== "queued") ?? runs[0];
}

function choose(id) {
  state.id = id;
  for (const url of Object.keys(seen)) if (url.startsWith(`/api/runs/${id}`)) delete seen[url];
  history.replaceState(null, "", `?run=${id}`);
  refresh();
}

function offer() {
  fill(
    place.choose,
    state.runs.map((run) => h("option", { value: run.id, selected: run.id === state.id }, `${run.name} · ${run.status_words}`)),
  );
}

// --- words -------------------------------------------------------------------------------------------

function show(run) {
  fill(place.lineage, dot(run.arm_label), ` ${run.arm_label}${run.parent ? ` from ${run.parent}` : ""} · ${run.data}`);
  fill(place.verdict, verdictStrip(run));
  fill(place.alarms, alarms(run));
  fill(place.now, ...now(run));
  fill(place.samples, samples(run));
  const opened = new Set([...place.way.querySelectorAll("details[open]")].map((each) => each.dataset.step));
  fill(place.way, onTheWay(run, opened));
  place.alarms.hidden = !place.alarms.firstChild;
  place.samples.hidden = !place.samples.firstChild;
  place.way.hidden = !place.way.firstChild;
}

function verdictStrip(run) {
  const verdict = run.verdict;
  const words = [h("b", {}, capital(verdict ? verdict.word : run.status_words))];
  if (!verdict) return h("div", { class: `verdict ${run.tone}` }, words, h("p", {}, run.error || "The verdict comes at the end."), versionButton(run));
  return h(
    "div",
    { class: `verdict judged ${verdict.tone}` },
    h("div", { class: "row between" }, h("div", {}, words, h("p", {}, verdict.sentence), h("p", { class: "win" }, h("strong", {}, verdict.win.rate), ` ${verdict.win.words}`), verdict.evaluation && h("p", {}, verdict.evaluation)), versionButton(run)),
    h(
      "ul",
      { class: "checks" },
      verdict.checks.map((check) =>
        h(
          "li",
          { class: check.passed ? "passed" : "missed", title: check.sentence },
          h("i", { "aria-hidden": "true" }, check.passed ? "✓" : "✗"),
          h("span", {}, h("span", { class: "visually-hidden" }, check.passed ? "Holds: " : "Does not hold: "), check.name),
          h("strong", {}, check.value),
          h("small", {}, check.bar),
        ),
      ),
    ),
  );
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function versionButton(run) {
  const version = run.version;
  if (!version) return null;
  if (version.served) return h("a", { class: "button", href: "/" }, "In Compare");
  const { kind, button: label, why } = version.offer;
  const button = h(
    "button",
    {
      class: kind === "free" ? "button primary" : "button",
      title: why || null,
      ...forAdministrators(),
      onclick: async (event) => {
        const button = event.currentTarget;
        button.disabled = true;
        say("");
        try {
          if (await serve(version)) {
            delete seen[`/api/runs/${run.id}`];
            refresh();
          }
        } catch (error) {
          say(error.message);
        } finally {
          button.disabled = false;
        }
      },
    },
    label,
  );
  return kind === "withheld" ? h("div", { class: "withheld" }, h("p", {}, "Not offered for Compare"), button) : button;
}

function now(run) {
  const progress = run.progress;
  const going = run.status === "running";
  const left = going && progress?.seconds_left != null ? `, about ${span(progress.seconds_left)} left` : "";
  const done = run.status === "done";
  return [
    h("h2", {}, going ? "Going on now" : "Where it stands"),
    h("p", {}, done ? `Done ${ago(run.ended_ms ?? run.created_ms)}. These are its last numbers.` : progress ? progress.words + left : capital(run.status_words)),
    progress &&
      !done &&
      h(
        "div",
        { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(100 * progress.share)), "aria-label": "Progress" },
        h("i", { style: `width:${100 * progress.share}%` }),
      ),
    h(
      "table",
      { class: "plain numbers" },
      run.numbers.map((item) => h("tr", { title: item.sentence }, h("td", {}, item.label, h("span", { class: "means" }, item.sentence)), h("td", { class: "num" }, number(item.value), item.unit && h("small", {}, ` ${item.unit}`)))),
    ),
    going && h("button", { class: "button", onclick: () => post(`/api/runs/${run.id}/stop`).then(() => (say(""), refresh()), (e) => say(e.message)) }, "Stop after this step"),
  ];
}

function samples(run) {
  if (!run.samples.length) return null;
  const columns = ["Held-out query", run.parent ?? "Before", run.version?.name ?? "After"];
  return h(
    "section",
    { class: "panel samples", tabindex: "0", "aria-label": "What it answers now" }, // scrolls where it is narrow
    h("h2", {}, "What it answers now"),
    h("p", {}, "Queries kept out of training, one answer each, sampled as they are on the Compare page."),
    h(
      "table",
      { class: "plain" },
      h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, run.samples.map(({ query, before, after }) => h("tr", {}, h("td", { class: "asked", dir: "auto" }, query), [before, after].map((text) => h("td", { class: "written", dir: "auto" }, text || "(nothing)"))))),
    ),
  );
}

/** What looks wrong in the numbers, and where to look. */
function alarms(run) {
  if (!run.alarms.length) return null;
  return h(
    "ul",
    { class: "alarms", "aria-label": "Alarms" },
    run.alarms.map((alarm) => h("li", { class: alarm.severity }, h("b", {}, alarm.happened), h("span", {}, alarm.look))),
  );
}

/** The same few queries answered at every checkpoint, the newest first; what the reader has opened stays open. */
function onTheWay(run, opened) {
  if (!run.checkpoints.length) return null;
  const behavior = run.checkpoints[0].answers[0]?.behavior;
  return h(
    "section",
    { class: "panel way" },
    h("h2", {}, "Answers on the way"),
    h("p", {}, `The same held-out queries at every checkpoint${behavior ? `, asked to draw: “${behavior}”` : ""}`),
    run.checkpoints.map(({ iteration, answers }) =>
      h(
        "details",
        { "data-step": iteration, open: opened.has(String(iteration)) },
        h("summary", {}, `Step ${iteration.toLocaleString("en")}`, h("span", { dir: "auto" }, answers[0]?.response ?? "")),
        h("table", { class: "plain" }, h("tbody", {}, answers.map(({ query, response }) => h("tr", {}, h("td", { class: "asked", dir: "auto" }, query), h("td", { class: "written", dir: "auto" }, response || "(nothing)"))))),
      ),
    ),
  );
}

// --- figures -----------------------------------------------------------------------------------------

/** Draw these figures, or the last ones again. While drawing goes on (plotly may still be loading), the newest wait. */
async function draw(figures = state.drawn) {
  state.drawn = figures;
  state.stale = true;
  if (state.drawing) return;
  state.drawing = true;
  try {
    while (state.stale && state.drawn) {
      state.stale = false;
      await drawAll(state.drawn);
    }
  } finally {
    state.drawing = false;
  }
}

async function drawAll({ run, rows, figures, templates }) {
  const wanted = new Set(figures.map((figure) => figure.name));
  for (const panel of root.querySelectorAll("[data-figure]")) if (!wanted.has(panel.dataset.figure)) panel.remove();
  for (const each of figures) await drawInto(container(each.name, each.title, each.sentence, each.wide), each, templates, run);
  root.dataset.rows = rows;
}

function container(name, title, sentence, wide) {
  const home = wide ? place.main : place.rest;
  const panel = root.querySelector(`[data-figure="${name}"]`);
  if (panel) {
    if (panel.parentElement !== home) home.append(panel); // another one is the first thing to look at now
    return panel.querySelector(".plot");
  }
  const plot = h("div", { class: "plot", role: "group", "aria-label": `${title}. ${sentence}` });
  home.append(h("section", { class: "panel", "data-figure": name }, h("h2", {}, title), h("p", {}, sentence), plot));
  return plot;
}
