// The behaviour tracker: how each answer is read. Records shown, dwell, scroll depth, selection and copying.
//
// It watches the stable panels, never the text nodes inside, and only until the vote: after it the names are revealed,
// and reading says something about the names. All it records is passive, so nothing is recorded while the person has
// paused; time that passes before the server has said whether they have is kept until it is known (`signals.js`).

import { Dwell } from "./dwell.js";
import { isPaused } from "./me.js";
import { record } from "./signals.js";

const EMIT_MS = 5_000;
const SCROLL_STEP = 0.1;
const SELECT_SETTLED_MS = 500;
const RATIOS = Array.from({ length: 101 }, (_, percent) => percent / 100); // a long answer is never half in view

export class Tracker {
  /**
   * panels: the elements that hold the answers, leftmost first; each with a `.text` inside, in a `.body` that may scroll.
   * bottom(): where the readable part of the window ends, for a bar may cover the rest.
   * depthOf(text, bottom): the share of what is read in a `.text` that stands above there.
   * selectedIn(text): what is selected there, as it was written.
   */
  constructor(panels, { bottom, depthOf, selectedIn }) {
    Object.assign(this, { bottom, depthOf, selectedIn });
    this.watched = panels.map((panel) => ({ panel, dwell: new Dwell(), responseId: null, inView: false }));
    this.queryId = null;
    this.wasPaused = isPaused();
    this.observer = new IntersectionObserver((entries) => entries.forEach((entry) => this.#seen(entry)), {
      threshold: RATIOS,
    });
    panels.forEach((panel) => this.observer.observe(panel));
    setInterval(() => this.#emit(), EMIT_MS);
    document.addEventListener("visibilitychange", () => this.#visibility());
    addEventListener("pagehide", () => this.#emit());
    addEventListener("rlhb:recording", () => this.#restart());
    addEventListener("scroll", () => this.#scrolled(), { passive: true, capture: true }); // of the page or within it
    addEventListener("resize", () => this.#scrolled(), { passive: true });
    document.addEventListener("copy", () => this.#copied());
    document.addEventListener("selectionchange", () => this.#selecting());
  }

  /**
   * What stands in the panels now: [{responseId, readable, complete, place}], leftmost first.
   * `readable`: there is something to read, and it is blind. `complete`: the text will not grow any more.
   * `place`: the position of the panel that shows this answer, its own or that of an equal one.
   */
  follow(queryId, answers) {
    this.watched.forEach((answer, position) => {
      const now = answers[position] ?? { responseId: null, readable: false, complete: false };
      if (answer.responseId !== now.responseId || this.queryId !== queryId) {
        this.#emitOne(answer);
        Object.assign(answer, { responseId: now.responseId, shown: false, depth: 0, position, selected: undefined });
      }
      Object.assign(answer, { readable: now.readable, complete: now.complete });
    });
    answers.forEach(({ place }, position) => {
      // what was selected in an answer is still selected in the one that shows it now, and is told once
      if (place !== position) this.watched[place].selected ??= this.watched[position].selected;
    });
    this.queryId = queryId;
    this.watched.forEach((answer) => this.#update(answer));
    this.#scrolled();
  }

  /** Record what was read and selected so far, and stop until `follow` says how things stand: the blind part is over. */
  settle() {
    this.#scrolled();
    this.#emit();
    if (this.selectTimer) this.#noteSelection();
    for (const answer of this.watched) {
      answer.readable = false;
      this.#update(answer);
      answer.dwell.take(); // less than a millisecond, since the one above
    }
  }

  /** Recording was paused or resumed: time that passed meanwhile is thrown away, not kept for later. */
  #restart() {
    const resumed = this.wasPaused;
    this.wasPaused = isPaused();
    if (!resumed && !this.wasPaused) return; // known only now: what was read meanwhile counts
    for (const answer of this.watched) {
      answer.dwell.take();
      answer.shown = false;
      this.#update(answer);
    }
  }

  #seen(entry) {
    const answer = this.watched.find((candidate) => candidate.panel === entry.target);
    const enough = entry.intersectionRatio >= 0.5 || entry.intersectionRect.height >= innerHeight / 2;
    answer.inView = entry.isIntersecting && enough;
    this.#update(answer);
  }

  #update(answer) {
    const read = Boolean(answer.inView && answer.readable && answer.responseId);
    answer.dwell.inView = read;
    if (read && !answer.shown && !isPaused()) {
      answer.shown = true;
      record("shown", this.queryId, answer.responseId, { position: answer.position });
    }
  }

  #visibility() {
    if (document.visibilityState === "hidden") this.#emit();
    else this.watched.forEach((answer) => answer.dwell.tick());
  }

  #emit() {
    this.watched.forEach((answer) => this.#emitOne(answer));
  }

  #emitOne(answer) {
    const ms = answer.dwell.take();
    if (ms > 0 && answer.responseId) record("dwell", this.queryId, answer.responseId, { ms });
  }

  #scrolled() {
    for (const answer of this.watched) {
      if (!answer.inView || !answer.complete || !answer.readable || document.visibilityState !== "visible") continue;
      const body = answer.panel.querySelector(".body").getBoundingClientRect();
      const depth = this.depthOf(answer.panel.querySelector(".text"), Math.min(this.bottom(), body.bottom));
      if (depth < answer.depth + SCROLL_STEP && !(depth === 1 && answer.depth < 1)) continue;
      answer.depth = depth;
      record("scroll", this.queryId, answer.responseId, { depth: Math.round(depth * 1000) / 1000 });
    }
  }

  #copied() {
    const found = this.#selected();
    if (found) record("copy", this.queryId, found.answer.responseId, { chars: found.text.length });
  }

  #selecting() {
    clearTimeout(this.selectTimer);
    this.selectTimer = setTimeout(() => this.#noteSelection(), SELECT_SETTLED_MS);
  }

  #noteSelection() {
    clearTimeout(this.selectTimer);
    this.selectTimer = 0;
    const found = this.#selected();
    if (!found || found.text === found.answer.selected) return;
    found.answer.selected = found.text;
    record("select", this.queryId, found.answer.responseId, { chars: found.text.length });
  }

  #selected() {
    const selection = getSelection();
    const within = (node) => this.watched.find((answer) => answer.panel.querySelector(".text").contains(node));
    const answer = within(selection.anchorNode);
    if (!answer?.responseId || answer !== within(selection.focusNode)) return null;
    const text = this.selectedIn(answer.panel.querySelector(".text"));
    return text.trim() ? { answer, text } : null;
  }
}
