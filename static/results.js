// The Results page: what of the data is meant, and then, part after part, what was found in words, figures and tables. All of
// it comes from /api/results; what is chosen stands in the address, so that it can be passed on. Knows no arithmetic.

import { fill, get, h, number, say } from "./kit.js";
import { draw, plotly } from "./plots.js";

const PARTS = {
  ranking: ["Which answers do people prefer?", { ranking: "Versions", pairs: "Every two of them", matrix: "Who met whom", weights: "What was held fixed" }],
  agreement: ["Do people agree?", { measures: "Measures", couples: "Two people each", people: "Each person" }],
  biases: ["What sways them?", { biases: "Shares" }],
  acts: ["What do they do with the answers?", { done: "By version", tells: "What tells a choice", foresees: "What foresees it" }],
};
const SOURCES = [["real", "real"], ["simulated", "simulated"], ["imported", "imported"]];
const CHOICES = {
  votes: ["Votes", [["", "all"], ["early", "before all answers were there"], ["late", "when all were there"]]],
  control: ["Held fixed", [["", "nothing"], ["length", "length"], ["style", "length and style"]]],
  ties: ["Ties", [["", "half a win each"], ["davidson", "an outcome of their own"]]],
};
const WORDS = { told_apart: "told apart", within_person: "within a person", within_length: "among equally long ones" };

const asked = new URLSearchParams(location.search);
let round = 0; // of those that are asked for, the last one counts
let asking = Promise.resolve(); // one thing at a time: a choice made in between waits for what is being read
let drawn = [];

const parts = h("div", {});
const form = h("form", { class: "chooser", "aria-label": "Of which data" });

/** Fill an element with the page. */
export async function start(element) {
  fill(element, h("div", { class: "results" }, form, parts));
  form.addEventListener("change", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("rlhb:theme", () => drawn.forEach((again) => again()));
  offer();
  show();
  offer({ studies: await get("/api/studies").catch(() => []) });
}

// --- what is meant -----------------------------------------------------------------------------------

let known = { studies: [], versions: [], sources: ["real"] };

/** Draw the form anew with what has become known. */
function offer(more = {}) {
  known = { ...known, ...more };
  const chosen = asked.has("source") ? asked.getAll("source") : known.sources; // where none is asked for, those that are there
  const focused = document.activeElement?.name;
  fill(
    form,
    h(
      "fieldset",
      { class: "kinds" },
      h("legend", {}, "Data"),
      SOURCES.map(([value, label]) => h("label", {}, h("input", { type: "checkbox", name: "source", value, checked: chosen.includes(value) }), label)),
    ),
    select("study", "Study", [["", "all"], ...known.studies.map(({ id, name }) => [id, name])]),
    day("since", "Since"),
    day("until", "Before"),
    ...Object.entries(CHOICES).map(([name, [label, options]]) => select(name, label, options)),
    select("anchor", "Against", [["", "their mean"], ...known.versions.map((name) => [name, name])]),
    h("a", { class: "button", "data-report": "", download: "results.html", href: `/api/results/report.html?${asked}` }, "Report"),
  );
  if (focused) form.elements[focused]?.focus?.();
}

function select(name, label, options) {
  const now = asked.get(name) ?? "";
  const all = options.some(([value]) => value === now) ? options : [...options, [now, now]];
  return h("label", { class: "choice" }, h("span", {}, label), h("select", { class: "field", name, "aria-label": label }, all.map(([value, text]) => h("option", { value, selected: value === now }, text))));
}

function day(name, label) {
  return h("label", { class: "choice" }, h("span", {}, label), h("input", { class: "field", type: "date", name, "aria-label": label, value: asked.get(name) ?? "" }));
}

function choose() {
  const wanted = new FormData(form);
  for (const name of ["source", ...Object.keys(CHOICES), "study", "since", "until", "anchor"]) asked.delete(name);
  for (const [name, value] of wanted) if (value) asked.append(name, value);
  if (!asked.has("source")) {
    asked.append("source", "real");
    form.querySelector('[value="real"]').checked = true;
  }
  history.replaceState(null, "", `?${asked}`);
  form.querySelector("[data-report]").href = `/api/results/report.html?${asked}`;
  show();
}

// --- what was found ----------------------------------------------------------------------------------

async function show() {
  const mine = ++round;
  say("");
  drawn = [];
  const places = Object.entries(PARTS).map(([part, [title]]) => {
    const body = h("div", { class: "found", "aria-busy": "true" }, h("p", { class: "sentence" }, "Reading …"));
    return [part, body, h("section", { class: "part", "data-part": part }, h("h2", {}, title), body)];
  });
  fill(parts, places.map(([, , section]) => section));
  for (const [part, body] of places) {
    try {
      const told = await (asking = asking.catch(() => null).then(() => (mine === round ? get(`/api/results/${part}?${asked}`) : null)));
      if (mine !== round) return;
      fillPart(part, body, told);
    } catch (error) {
      if (mine !== round) return;
      fill(body, h("p", { class: "sentence missing", role: "alert" }, error.message));
    }
    body.removeAttribute("aria-busy");
  }
}

function fillPart(part, body, { found, figures, templates }) {
  if (part === "ranking") {
    const versions = [...new Set(found.matrix.map(({ version }) => version))];
    if (versions.join() !== known.versions.join() || found.sources.join() !== known.sources.join()) offer({ versions: versions.length ? versions : known.versions, sources: found.sources });
  }
  const sentences = found.sentences ?? (found.biases.some(({ rows }) => rows.length) ? found.biases.map(({ sentence }) => sentence) : ["No choice between different answers is there yet."]);
  fill(
    body,
    h("div", { class: "verdict" }, h("ul", {}, sentences.map((each) => h("li", {}, each)))),
    found.left_out && leftOut(found),
    h("div", { class: "figures" }, figures.map((figure) => figurePanel(figure, templates))),
    Object.entries(PARTS[part][1]).map(([table, title]) => tableOf(table, title, rowsOf(found, table))),
  );
}

function leftOut({ left_out: reasons, comparisons, people, data }) {
  const out = Object.entries(reasons).map(([why, n]) => `${n.toLocaleString("en")} left out: ${why}`);
  return h("p", { class: "sentence" }, [`${comparisons.toLocaleString("en")} comparisons of ${people.toLocaleString("en")} people; ${data}`, ...out].join(". "), ".");
}

const rowsOf = (found, table) => (table === "biases" ? found.biases.flatMap(({ title, rows }) => rows.map((row) => ({ about: title, ...row }))) : found[table]);

// --- figures -----------------------------------------------------------------------------------------

function figurePanel(figure, templates) {
  const { name, title, sentence, wide } = figure;
  const plot = h("div", { class: "plot", role: "group", "aria-label": `${title}. ${sentence}`, style: `height:${figure.figure.layout.height ?? 300}px` });
  const again = () => draw(plot, figure, templates, name, ["toImage"]); // it has buttons of its own
  const keep = (format) => async () => (await plotly).downloadImage(plot, { format, filename: name, width: plot.clientWidth, height: plot.clientHeight });
  drawn.push(again);
  requestAnimationFrame(again); // once it is in the page, where it has a width
  return h(
    "section",
    { class: `panel${wide ? " wide" : ""}`, "data-figure": name },
    h("div", { class: "row between" }, h("h3", {}, title), h("div", { class: "row" }, ["svg", "png"].map((format) => h("button", { class: "button small", type: "button", onclick: keep(format), "aria-label": `${title} as ${format.toUpperCase()}` }, format.toUpperCase())))),
    h("p", {}, sentence),
    plot,
  );
}

// --- tables ------------------------------------------------------------------------------------------

function tableOf(table, title, rows) {
  if (!rows?.length) return null;
  const columns = Object.keys(rows[0]).filter((name) => !["why", "sentence"].includes(name) || rows.some((row) => row[name]));
  return h(
    "details",
    { class: "panel table", "data-table": table },
    h("summary", {}, h("span", {}, `${title}, ${rows.length.toLocaleString("en")} ${rows.length === 1 ? "row" : "rows"}`)),
    h("a", { class: "button small", href: `/api/results/tables/${table}.csv?${asked}`, download: `${table}.csv` }, "CSV"),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": title },
      h(
        "table",
        { class: "plain" },
        h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, WORDS[name] ?? name.replaceAll("_", " "))))),
        h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((name) => cell(row[name]))))),
      ),
    ),
  );
}

function cell(value) {
  if (value === null || value === undefined) return h("td", { class: "num" }, "–");
  if (typeof value === "boolean") return h("td", {}, value ? "yes" : "no");
  if (typeof value === "number") return h("td", { class: "num" }, number(value));
  if (typeof value === "object") return h("td", { class: "num" }, value.value === null ? "–" : `${percent(value.value)} (${percent(value.low)} to ${percent(value.high)}), n ${value.n.toLocaleString("en")}`);
  return h("td", { dir: "auto" }, value);
}

const percent = (value) => (value === null ? "–" : `${(100 * value).toFixed(1)} %`);
