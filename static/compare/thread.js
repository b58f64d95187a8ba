// The conversation: whether a further question goes on, and what went before the one on the page, folded above it.
//
// What went before is fetched once for each comparison (`app/comparing/thread.py`); where each version has answers of its
// own they stand in its panel. Whether questions go on is kept for this tab. Knows nothing of votes, signals or Gradio.

import { call } from "../api.js";
import { AnswerText } from "./answer.js";

const KEPT = "rlhb.goes-on"; // in sessionStorage
const AGAIN_MS = 2000; // after which it is asked for again, where another tab was first

export class Thread {
  /** root: the page; panels: the elements of its answers, leftmost first. */
  constructor(root, panels) {
    this.panels = panels;
    this.whole = root.querySelector(":scope > .thread");
    this.leftOut = root.querySelector(".left-out");
    this.line = root.querySelector(".going-on");
    this.button = this.line.querySelector("button");
    this.says = this.line.querySelector("span");
    this.on = (sessionStorage.getItem(KEPT) ?? this.line.dataset.byDefault) === "true";
    this.base = null; // what a further question would go on from: {queryId, responseId, letter, own}
    this.shown = null; // id of the comparison whose thread is drawn
    this.button.addEventListener("click", () => this.turn());
    this.#offer();
  }

  /** What is to be said with a question that somebody typed: what it follows, if it goes on. */
  get goesOn() {
    if (!this.on || !this.base) return {};
    return { follows: this.base.queryId, from_response: this.base.own ? null : this.base.responseId };
  }

  /** Go on, or ask afresh. */
  turn() {
    if (!this.base) return;
    this.on = !this.on;
    sessionStorage.setItem(KEPT, String(this.on));
    this.#offer();
  }

  /** A question is on its way: nothing went before it that is known yet. */
  wait() {
    this.shown = null;
    this.base = null;
    this.#offer();
    this.#fold([]);
  }

  /** Draw it for a snapshot as it stands on the page; vote, edited: the person's, which may be newer than the snapshot. */
  draw(view, vote, edited = null) {
    const own = view?.panels.some((panel) => panel.response_id === edited) && !vote ? edited : null;
    const from = vote?.best ?? own ?? view?.goes_on_from;
    const panel = view?.goes_on_from && view.panels.find((each) => each.response_id === from);
    this.base = panel ? { queryId: view.query_id, responseId: from, letter: panel.letter, own: view.own_threads } : null;
    this.#offer();
    this.#sayLeftOut(view);
    if (!view || this.shown === view.query_id) return;
    this.shown = view.query_id;
    this.#fold([]);
    if (view.turns_before || view.turn > 1) this.#fetch(view.query_id);
  }

  async #fetch(queryId) {
    try {
      const thread = await call("GET", `/api/comparisons/${queryId}/thread`);
      if (this.shown === queryId) this.#fold(thread.turns, thread);
    } catch (error) {
      if (this.shown !== queryId) return;
      if (error.status === 503) setTimeout(() => this.shown === queryId && this.#fetch(queryId), AGAIN_MS);
      else this.shown = null; // with the next snapshot
    }
  }

  #offer() {
    this.line.hidden = !this.base;
    this.button.setAttribute("aria-pressed", String(this.on));
    if (!this.base) return;
    const with_ = this.base.own ? "each with its own answer" : `from ${this.base.letter}`;
    this.says.textContent = this.on ? `Your next question goes on ${with_}.` : "Your next question stands alone.";
  }

  /** Which answer it was hints at who wrote it: told of each with the names, before that of all together. */
  #sayLeftOut(view) {
    const count = view?.left_out ?? 0;
    this.leftOut.hidden = !count;
    if (!count) return;
    const told = view.panels.filter((panel) => panel.left_out !== null);
    const first = count === 1 ? "The first turn was left out" : `The first ${count} turns were left out`;
    const they = count === 1 ? "it" : "they";
    const why = count === view.turns_before ? `${they} did not fit, or the model takes each question by itself` : `${they} did not fit`;
    const letters = told.filter((panel) => panel.left_out).map((panel) => `${panel.letter} (${panel.left_out})`);
    if (!told.length) this.leftOut.textContent = `${first} for one model at least: ${why}.`;
    else if (told.every((panel) => panel.left_out === count)) this.leftOut.textContent = `${first}: ${why}.`;
    else this.leftOut.textContent = `Of the oldest turns some were left out for ${letters.join(", ")}: they did not fit.`;
  }

  #fold(turns, { own = [], instruction = "" } = {}) {
    draw(this.whole, own.length ? [] : turns, instruction);
    for (const panel of this.panels) {
      const mine = own.length ? (own.find((each) => each.response_id === panel.dataset.response)?.turns ?? turns) : [];
      draw(panel.querySelector(".thread"), mine);
    }
  }
}

/** The turns into a folded part of the page; there is none where nothing went before. */
function draw(details, turns, instruction = "") {
  const list = details.querySelector(".turns");
  details.hidden = !turns.length && !instruction;
  details.open = false;
  const count = turns.length === 1 ? "1 turn before" : `${turns.length} turns before`;
  details.querySelector("summary").textContent = turns.length ? `${count}: ${turns[0].question}` : "Instruction";
  list.replaceChildren(...(instruction ? [line("instruction", instruction)] : []), ...turns.flatMap(both));
}

function both({ question, answer, blocks }) {
  const read = document.createElement("div");
  read.className = "said";
  new AnswerText(read).draw(answer, blocks, true);
  return [line("asked", question), read];
}

function line(name, text) {
  const element = document.createElement("p");
  element.className = name;
  element.dir = "auto";
  element.textContent = text;
  return element;
}
