// The lists of the Runs page: training runs with their progress and buttons, and the model versions that came of them.
// The form above them is Gradio's. Fills the elements that it is started on; knows how to draw, not how to train.

import { ago, ask, dot, fill, forAdministrators, get, h, isGoing, poll, post, say, serve, span } from "./kit.js";

const GOING_MS = 1500;
const IDLE_MS = 5000;
const LOG_MS = 1500;
const FIRST = 6;

const seen = {};
const lists = { runs: null, versions: null };
let all = false;
let refresh = () => {};

/** Fill one of the two elements ("runs" or "versions"); the second one to come starts the polling. */
export function start(kind, element) {
  lists[kind] = element;
  if (!lists.runs || !lists.versions) return;
  refresh = poll(update);
  addEventListener("rlhb:runs", () => refresh());
}

async function update() {
  const runs = await get("/api/runs", seen);
  if (runs) showRuns(runs);
  const versions = await get("/api/versions", seen);
  if (versions) fill(lists.versions, versionsPanel(versions));
  return lists.runs.querySelector(".run.going") ? GOING_MS : IDLE_MS;
}

/** A button that does something on the server; it stays pressed until done, and a failure is said in words. */
function act(label, work, attributes = {}) {
  const press = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    say("");
    try {
      await work();
      refresh();
    } catch (error) {
      say(error.message);
    } finally {
      button.disabled = false;
    }
  };
  return h("button", { class: "button", type: "button", ...attributes, onclick: press }, label);
}

const empty = (text) => h("div", { class: "empty" }, text);

// --- runs --------------------------------------------------------------------------------------------

function showRuns(runs) {
  if (!runs.length) return fill(lists.runs, empty("No run yet. Choose an arm above and press Start."));
  const shown = all ? runs : runs.filter((run, place) => place < FIRST || isGoing(run));
  const showAll = () => {
    all = true;
    showRuns(runs);
  };
  const more = h("button", { class: "button more", type: "button", onclick: showAll }, `Show all ${runs.length} runs`);
  return fill(lists.runs, shown.map(runRow), shown.length < runs.length && more);
}

function runRow(run) {
  return h(
    "article",
    { class: `run ${run.status}${isGoing(run) ? " going" : ""}`, "data-run": run.id, "aria-label": run.name },
    h(
      "div",
      { class: "what" },
      h("h2", {}, dot(run.arm_label), run.name),
      h("p", {}, `${run.parent ? `from ${run.parent} · ` : ""}${run.data}`),
    ),
    h("div", { class: "how" }, state(run)),
    h(
      "div",
      { class: "acts" },
      h("a", { class: "button", href: `/curves/?run=${run.id}` }, "Curves"),
      h("button", { class: "button", type: "button", onclick: () => showLog(run) }, "Log"),
      run.can_stop && act("Stop", () => post(`/api/runs/${run.id}/stop`)),
      run.can_resume && act("Resume", () => post(`/api/runs/${run.id}/resume`)),
    ),
  );
}

function state(run) {
  const progress = run.progress;
  if (run.status === "running" && progress) {
    const left = progress.seconds_left === null ? "" : `, about ${span(progress.seconds_left)} left`;
    return [
      h(
        "div",
        { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(100 * progress.share)), "aria-label": `Progress of ${run.name}` },
        h("i", { style: `width:${100 * progress.share}%` }),
      ),
      h("p", {}, `${progress.words}${left}`),
    ];
  }
  return [
    h("p", { class: `status ${run.tone}` }, run.status_words, h("span", {}, ` · ${ago(run.ended_ms ?? run.created_ms)}`)),
    run.error && h("p", { class: run.status === "failed" ? "failure" : "" }, run.error),
  ];
}

function showLog(run) {
  const text = h("pre", { tabindex: "0" }, "");
  const dialog = h(
    "dialog",
    { class: "pop log", "aria-label": `Log of ${run.name}` },
    h("div", { class: "row between" }, h("h2", {}, run.name), h("button", { class: "button", onclick: () => dialog.close() }, "Close")),
    text,
  );
  let next = 0;
  let timer = null;
  let troubled = false;
  const follow = async () => {
    try {
      const tail = await get(`/api/runs/${run.id}/log?after=${next}`);
      const atEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 40;
      if (tail.text || !text.textContent) text.append(tail.text || (next ? "" : "Nothing is logged yet.\n"));
      next = tail.next;
      if (atEnd) text.scrollTop = text.scrollHeight;
      if (troubled) say("");
      troubled = false;
    } catch (error) {
      troubled = true;
      say(error.message);
    }
    if (dialog.open) timer = setTimeout(follow, LOG_MS);
  };
  dialog.addEventListener("close", () => {
    clearTimeout(timer);
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  follow();
}

// --- versions ----------------------------------------------------------------------------------------

function versionsPanel({ versions, previous }) {
  if (!versions.length) return empty("No model version yet.");
  return h(
    "section",
    { class: "panel versions" },
    h(
      "div",
      { class: "row between" },
      h("div", {}, h("h2", {}, "Model versions"), h("p", {}, "What can stand in the side-by-side. A finished run adds one; it is shown only once you put it in.")),
      previous &&
        act(
          "Go back",
          async () => {
            if (await ask("Go back to the set before?", `Compare will show ${previous.names.join(", ")} again.`, "Go back")) await post("/api/deployments/rollback", { to: previous.ids });
          },
          { title: `Serve ${previous.names.join(", ")} again`, ...forAdministrators() },
        ),
    ),
    h(
      "table",
      { class: "plain" },
      h("thead", {}, h("tr", {}, ["Version", "Verdict", "Comes from", "In Compare"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, versions.map(versionRow)),
    ),
  );
}

function versionRow(version) {
  const button = version.served
    ? act("Take out", () => post(`/api/versions/${version.id}/unserve`), { "aria-label": `Take out: take ${version.name} out of Compare`, ...forAdministrators() })
    : offered(version);
  return h(
    "tr",
    { "data-version": version.id },
    h("td", {}, h("span", { class: "name" }, dot(version.arm_label), version.name), version.served && h("span", { class: "served" }, "served")),
    h("td", { class: `verdict-word ${version.tone}` }, version.verdict_words),
    h("td", { class: "lineage" }, version.lineage, version.run_id && [" ", h("a", { class: "link", href: `/curves/?run=${version.run_id}` }, "curves")]),
    h("td", {}, button),
  );
}

/** The button that puts a version in says what its verdict says. */
function offered(version) {
  const { kind, button, why } = version.offer;
  if (kind === "free") return act("Put in", () => serve(version), { "aria-label": `Put in: put ${version.name} into Compare`, ...forAdministrators() });
  const label = `${button}: put ${version.name} into Compare${kind === "withheld" ? " against its verdict" : ""}`;
  return [kind === "withheld" && h("span", { class: "withheld" }, "Not offered"), act(button, () => serve(version), { title: why, "aria-label": label, ...forAdministrators() })];
}
