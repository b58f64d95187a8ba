// Drawing: a snapshot of a comparison (`app/comparing/`, ComparisonView) into the three panels.
//
// What an answer says is drawn by `answer.js`. Of equal answers the first is shown for all (`folds.js`), with the letters of all;
// a selection or the focus in one that goes moves there too. Knows nothing of votes, signals or the network.

import { AnswerText } from "./answer.js";
import { listed, sameWords } from "./folds.js";

const SLOW_MS = 6_000;
const LOADING = "loading the model…";

export class Panels {
  /**
   * root: the element of the page that holds `.answer` panels, leftmost first.
   * isRaw(): whether answers are shown as they were written.
   */
  constructor(root, isRaw) {
    this.isRaw = isRaw;
    this.arms = root.querySelector(".arms");
    this.panels = [...root.querySelectorAll(".answer")].map((element) => ({
      element,
      text: new AnswerText(element.querySelector(".text")),
      note: element.querySelector(".note"),
      state: element.querySelector(".state"),
      badges: element.querySelector(".badges"),
      names: element.querySelector(".names"),
      origin: element.querySelector(".origin"),
      goOn: element.querySelector('[data-act="continue"]'),
      startedAt: 0,
    }));
    setInterval(() => this.#slow(), 1000);
  }

  get elements() {
    return this.panels.map((panel) => panel.element);
  }

  /** The element of the answer that was voted best, once the names are shown. */
  get chosen() {
    return this.elements.find((element) => element.classList.contains("chosen"));
  }

  /** Draw a snapshot, each answer in its place (see `placesOf`); null empties the panels. */
  draw(view, places = []) {
    this.panels.forEach((panel, position) => {
      const answer = view?.panels[position] ?? null;
      this.#drawOne(panel, answer, view?.panels.filter((_, other) => places[other] === position) ?? [], view);
    });
    this.#fold(places, view?.panels.length);
  }

  /** A query is on its way: the panels wait for their answers. */
  wait() {
    for (const panel of this.panels) {
      this.#drawOne(panel, { response_id: "", text: "", outcome: "pending" }, [], null);
    }
    this.#fold([]);
  }

  /** Hide the panels whose answers another one shows, and those that there is no answer for. */
  #fold(places, count = this.panels.length) {
    this.elements.forEach((element, position) => {
      const place = places[position] ?? position;
      if (place !== position && !element.hidden) handOver(element, this.elements[place]);
      element.hidden = place !== position || position >= count;
    });
    this.arms.dataset.shown = this.elements.filter((element) => !element.hidden).length;
  }

  #drawOne(panel, answer, group, view) {
    const { element } = panel;
    const status = statusOf(answer);
    if (element.dataset.response !== (answer?.response_id ?? "")) panel.startedAt = performance.now();
    element.dataset.response = answer?.response_id ?? "";
    element.dataset.status = status;
    element.setAttribute("aria-busy", String(status === "waiting" || status === "writing"));
    const edited = answer?.marks?.edited ?? null;
    const blocks = edited != null || this.isRaw() ? [] : (answer?.blocks ?? []);
    panel.text.draw(edited ?? answer?.text ?? "", blocks, status !== "writing");
    element.classList.toggle("edited", edited != null);
    const cut = group.find((each) => statusOf(each) === "cut");
    panel.note.textContent = cut ? cut.error : noteOf(answer, status, view);
    element.toggleAttribute("data-loading", status === "waiting" && Boolean(view?.loading));
    const state = element.hasAttribute("data-loading") ? LOADING : stateOf(status, group, view);
    panel.state.textContent = state + (edited != null ? " · edited by you" : "");
    panel.goOn.hidden = !cut || Boolean(view.vote) || view.voted;
    this.#letters(panel, group, view);
    this.#reveal(panel, group, view);
  }

  #letters(panel, group, view) {
    const letters = group.length > 1 ? group.map(({ letter }) => letter) : [panel.element.dataset.letter];
    if (panel.badges.textContent === letters.join("")) return;
    panel.badges.replaceChildren(...letters.map((letter) => span("badge", letter)));
    panel.element.setAttribute("aria-label", letters.length > 1 ? sameWords(letters, view.panels.length) : `Answer ${letters[0]}`);
  }

  #reveal(panel, group, view) {
    const revealed = group.map((answer) => answer.revealed).filter(Boolean);
    panel.element.classList.toggle("revealed", revealed.length > 0);
    panel.element.classList.toggle("chosen", revealed.length > 0 && group.some((each) => each.response_id === view.vote?.best));
    const writers = [...new Map(revealed.map((each) => [each.version, each])).values()];
    const drawn = writers.map(({ version, arm }) => `${arm} ${version}`).join();
    if (panel.names.dataset.drawn === drawn) return;
    panel.names.dataset.drawn = drawn;
    panel.names.replaceChildren(...writers.map(writer));
    const many = writers.length > 1;
    panel.origin.textContent = writers.map((each) => (many ? `${each.version}: ${each.trained_on}` : each.trained_on)).join("\n");
  }

  #slow() {
    for (const panel of this.panels) {
      const late = panel.element.dataset.status === "waiting" && performance.now() - panel.startedAt > SLOW_MS;
      if (late && !panel.element.hasAttribute("data-loading")) panel.state.textContent = "slower than usual; you can vote without it";
    }
  }
}

/** "empty" | "waiting" | "writing" | "done" | "cut" | "silent" | "failed" | "stopped" */
export function statusOf(answer) {
  if (!answer) return "empty";
  if (answer.outcome === "pending") return answer.text ? "writing" : "waiting";
  return { ok: "done", cut: "cut", empty: "silent", error: "failed", stopped: "stopped" }[answer.outcome] ?? "done";
}

/** How an answer stands. How long it took is known after the vote only: it hints at who wrote it. */
function stateOf(status, group, view) {
  const seconds = group.filter((answer) => answer.duration_ms != null).map((answer) => (answer.duration_ms / 1000).toFixed(1));
  const took = seconds.length ? ` in ${listed(seconds)} s` : "";
  if (group.length > 1) {
    // the names have taken the place of the letters then
    if (group.some((answer) => answer.revealed)) return `the same answer${took}`;
    return sameWords(group.map((answer) => answer.letter), view.panels.length);
  }
  return {
    empty: "",
    waiting: "thinking…",
    writing: "writing…",
    done: `done${took}`,
    cut: `cut short${took}`,
    silent: "no answer",
    failed: "failed",
    stopped: "stopped early",
  }[status];
}

function noteOf(answer, status, view) {
  if (status === "failed") {
    const alone = view?.panels.some((other) => statusOf(other) !== "failed");
    return `This version could not answer. ${answer.error || "No reason was given."}${alone ? " The others are not affected." : ""}`;
  }
  if (status === "silent") return "This version answered with nothing at all.";
  if (status === "stopped") return answer.text ? "" : "This version was stopped before it wrote anything.";
  return "";
}

function span(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

/** Who wrote an answer: a dot for the arm, and the version's name. */
function writer({ version, arm }) {
  const dot = span("dot", "");
  dot.dataset.arm = arm;
  const name = span("name", version);
  name.dir = "auto";
  const who = span("who", "");
  who.append(dot, name);
  return who;
}

/** A selection and the focus go over from a panel that is hidden to the one that shows the same answer. */
function handOver(from, to) {
  const [source, target] = [from, to].map((panel) => panel.querySelector(".text"));
  const { anchorNode, anchorOffset, focusNode, focusOffset } = getSelection();
  if (source.contains(anchorNode) && source.contains(focusNode)) {
    const anchor = twin(anchorNode, source, target);
    const focus = twin(focusNode, source, target);
    const within = (node, offset) => Math.min(offset, node.length ?? node.childNodes.length);
    getSelection().setBaseAndExtent(anchor, within(anchor, anchorOffset), focus, within(focus, focusOffset));
  }
  if (!from.contains(document.activeElement)) return;
  const name = document.activeElement.dataset.act;
  const button = name && to.querySelector(`.acts > [data-act="${name}"]:not(:disabled)`);
  (button || to).focus({ preventScroll: true });
}

/** The node that stands in `target` where `node` stands in `source`, as far as the two are alike. */
function twin(node, source, target) {
  if (node === source) return target;
  const parent = twin(node.parentNode, source, target);
  return parent.childNodes[[...node.parentNode.childNodes].indexOf(node)] ?? parent;
}
