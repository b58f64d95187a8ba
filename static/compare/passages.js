// Marked passages on the page: what is selected in an answer, by pointer or by keys, can be called good or bad.
//
// They are drawn as highlights of the browser, which change nothing of the text that `source.js` maps; a browser without
// them has the list in each card. Knows what stands on the page by what it is told; what is recorded is in `marks.js`, the
// popover in `marker.js`.

import { uuid } from "../uuid.js";
import { drawList } from "./marked.js";
import { Marker } from "./marker.js";
import { Marks } from "./marks.js";
import { shownOf, unitsOf } from "./shown.js";
import { slice, sourceRange, writtenIn } from "./source.js";

const SETTLED_MS = 250; // without a change, a selection is what was meant
const WAITS = "This answer is still being written. Its words can be marked once it is complete.";
const OWN = "These are your words. To mark those of the answer, take your version back.";

export class Passages extends EventTarget {
  /**
   * cards: the answers' elements, leftmost first; popover: the element of the marker.
   * comparison(): as `acts.js` has it. editOf(responseId): the person's own version, if there is one.
   * reasons(): those of the study, or none. Events: "said" with detail = a sentence; "closed" when nothing is being marked
   * any more.
   */
  constructor(cards, popover, { comparison, editOf, reasons }) {
    super();
    Object.assign(this, { cards, comparison, editOf, reasons });
    this.texts = cards.map((card) => card.querySelector(".text"));
    this.marks = new Marks();
    this.draft = null; // {queryId, position, shownId, responseId, by, mark, start, end, quality, reason, note, stands, whyNot}
    this.unit = "sentence";
    this.marker = new Marker(popover);
    const on = (name, act) => this.marker.addEventListener(name, ({ detail }) => this.draft && act(detail));
    on("quality", (quality) => this.#judge(quality));
    on("reason", (reason) => this.#change({ reason }));
    on("note", (note) => this.#change({ note }));
    on("step", (step) => this.#step(step));
    on("words", () => this.#turn());
    on("off", () => this.#takeOff());
    on("closed", () => this.#closed());
    this.marks.addEventListener("refused", ({ detail }) => {
      this.draw();
      this.#say(detail);
    });
    document.addEventListener("selectionchange", () => this.#selecting());
    for (const name of ["pointerdown", "pointerup", "pointercancel"]) {
      addEventListener(name, () => this.#selecting((this.isHeld = name === "pointerdown")), true);
    }
    addEventListener("pagehide", () => this.#keep());
    addEventListener("resize", () => this.#place());
    addEventListener("scroll", () => this.#place(), { passive: true, capture: true });
    cards.forEach((card, position) => {
      this.texts[position].addEventListener("click", (event) => this.#clicked(position, event));
      card.querySelector(".marked").addEventListener("click", ({ target }) => this.#reopen(position, target.closest("[data-mark]")));
    });
  }

  /** Whether words of this answer are being marked, which must not be hidden just now. */
  isOpen(responseId) {
    if (!this.marker.isOpen || this.draft?.responseId !== responseId || this.draft.whyNot) return false;
    return Boolean(this.draft.quality) || this.marker.root.contains(document.activeElement); // else it is only offered
  }

  /** Whether words of this answer, or of its equals, are marked. */
  has({ ids }) {
    return ids.some((id) => this.marks.known.get(id)?.size);
  }

  /** What stands on the page has changed: draw the marks that it brings, and those made here. */
  update(panels) {
    this.marks.learn(panels);
    this.draw();
    const { draft } = this;
    if (!draft) return;
    draft.units = null; // where they stand may be drawn anew
    const answer = this.comparison()?.responses[draft.position];
    if (answer?.id !== draft.shownId) this.marker.close();
    else if (draft.whyNot && !this.#whyNot(answer)) {
      this.marker.close();
      this.#offer(this.#selection());
    }
  }

  /** Begin to mark by keys: what is selected, or the first sentence in view of the answer at `position`; false if there is none. */
  begin(position) {
    const selected = this.#selection();
    if (selected) return this.#offer(selected, true);
    const answer = this.comparison()?.responses[position];
    if (!answer?.id) return false;
    const { top } = this.cards[position].querySelector(".body").getBoundingClientRect();
    const units = this.#units(position);
    const first = units.find((range) => range.getBoundingClientRect().bottom > Math.max(top, 0)) ?? units[0];
    const written = first && writtenIn(first, this.texts[position]);
    if (!written) return this.#say(`There are no words to mark in answer ${answer.letter}.`);
    this.#offer({ position, range: written }, true);
  }

  // --- what is marked ------------------------------------------------------------------------------

  #selecting() {
    clearTimeout(this.timer);
    if (getSelection().isCollapsed) this.offered = null;
    this.timer = setTimeout(() => this.#settled(), SETTLED_MS);
  }

  #settled() {
    if (this.isHeld || this.marker.root.contains(document.activeElement)) return;
    const selected = this.#selection();
    const name = selected && `${selected.position} ${selected.range}`;
    const isNew = name !== this.offered;
    this.offered = name; // who closes it, has seen it
    if (selected && isNew) this.#offer(selected);
  }

  /** What is selected in one answer, without the white space around it: {position, range}, or null. */
  #selection() {
    const { anchorNode, focusNode } = getSelection();
    const of = (node) => this.texts.findIndex((text) => text.contains(node));
    const position = of(anchorNode) < 0 ? of(focusNode) : of(anchorNode);
    if (position < 0 || [anchorNode, focusNode].some((node) => of(node) >= 0 && of(node) !== position)) return null;
    const range = sourceRange(getSelection(), this.texts[position]);
    return range && { position, range };
  }

  /** Show the marker for a passage: that which is marked there already, or a new one. */
  #offer(selected, focused = false) {
    const answer = selected && this.comparison()?.responses[selected.position];
    if (!answer?.id) return;
    const [start, end] = trimmed(answer.text, ...selected.range);
    const whyNot = this.#whyNot(answer);
    if (start >= end && !whyNot) return;
    const found = this.#marksOf(answer).find((each) => each.start + each.by === start && each.end + each.by === end);
    const fresh = { responseId: answer.id, by: 0, mark: uuid(), start, end, quality: "", reason: "", note: "" };
    this.#open(selected.position, { ...(found ?? fresh), stands: Boolean(found), whyNot }, focused);
  }

  #reopen(position, button) {
    const answer = this.comparison()?.responses[position];
    const mark = answer && this.#marksOf(answer).find((each) => each.mark === button?.dataset.mark);
    if (mark) this.#open(position, { ...mark, stands: true }, true);
  }

  #clicked(position, { clientX: x, clientY: y, target }) {
    if (!getSelection().isCollapsed || target.closest("a, button, summary")) return;
    const answer = this.comparison()?.responses[position];
    if (!answer?.id || this.editOf(answer.id) != null) return;
    const under = this.#marksOf(answer).filter((mark) => this.#shown(position, mark).some((range) => isUnder(range, x, y)));
    const [mark] = under.sort((one, other) => one.end - one.start - (other.end - other.start));
    if (mark) this.#open(position, { ...mark, stands: true }, false);
  }

  #open(position, draft, focused) {
    this.#keep();
    const { queryId, responses } = this.comparison();
    this.draft = { ...draft, queryId, position, shownId: responses[position].id };
    this.marker.part("remark").value = draft.note;
    this.#show();
    const [first] = this.#shown(position, draft);
    if (focused) first?.startContainer.parentElement.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.marker.open(this.#beside(), focused);
    this.#uncover();
    if (draft.whyNot) this.#say(draft.whyNot);
    this.draw();
  }

  #whyNot(answer) {
    if (this.editOf(answer.id) != null) return OWN;
    return answer.complete ? "" : WAITS;
  }

  #judge(quality) {
    const { draft } = this;
    if (draft.whyNot) return;
    const kept = Marker.reasonsFor(quality, this.reasons()).includes(draft.reason) ? draft.reason : "";
    draft.stands = true;
    this.#change({ quality, reason: kept });
    this.#uncover();
    getSelection().removeAllRanges(); // it would cover the mark
    this.#say(`Marked as ${quality}: ${this.#words()}`);
  }

  /** Say something else of the passage; it is recorded as soon as it is good or bad. */
  #change(said) {
    Object.assign(this.draft, said);
    this.#keep();
    this.#show();
    this.#place();
    this.draw();
  }

  /** Record the passage as it stands, if that is not recorded yet. */
  #keep() {
    const { draft } = this;
    if (!draft?.stands || draft.whyNot) return;
    draft.note = this.marker.note;
    if (!this.#isKept()) this.marks.put(draft.queryId, draft.responseId, draft);
  }

  /** Whether the passage is recorded as it stands. */
  #isKept() {
    const { draft } = this;
    const known = this.marks.known.get(draft.responseId)?.get(draft.mark);
    return Boolean(known) && ["start", "end", "quality", "reason", "note"].every((name) => known[name] === draft[name]);
  }

  #takeOff() {
    const { draft } = this;
    const words = this.#words();
    const { letter } = this.comparison().responses[draft.position];
    this.draft = null;
    this.marks.takeOff(draft.queryId, draft.responseId, draft);
    this.marker.close();
    this.draw();
    this.dispatchEvent(new Event("closed"));
    this.cards[draft.position].focus({ preventScroll: true });
    this.#say(`The mark is taken off answer ${letter}: ${words}`);
  }

  #closed() {
    this.#keep();
    const { position } = this.draft;
    this.draft = null;
    this.draw();
    this.dispatchEvent(new Event("closed"));
    if (document.activeElement === document.body) this.cards[position].focus({ preventScroll: true });
  }

  // --- by keys -------------------------------------------------------------------------------------

  #step({ by, extends: longer }) {
    const { draft } = this;
    const units = this.#units(draft.position);
    if (!units.length) return;
    const within = (place) => Math.max(0, Math.min(units.length - 1, place));
    const [anchor, focus] = this.#placesIn(units);
    const next = within(focus + by);
    this.draft.ends = [longer ? anchor : next, next];
    this.#stand(units);
  }

  /** By sentences, or word by word: where it stands already. */
  #turn() {
    this.unit = this.unit === "word" ? "sentence" : "word";
    const units = this.#units(this.draft.position);
    this.draft.ends = null;
    const [first] = this.#placesIn(units);
    this.draft.ends = [first, first];
    if (units.length) this.#stand(units);
  }

  /** The passage is from one unit to another one. */
  #stand(units) {
    const { draft } = this;
    const [first, last] = [...draft.ends].sort((one, other) => one - other);
    const range = units[first].cloneRange();
    range.setEnd(units[last].endContainer, units[last].endOffset);
    const written = writtenIn(range, this.texts[draft.position]);
    if (written) [draft.start, draft.end] = written.map((place) => place - draft.by);
    units[draft.ends[1]].startContainer.parentElement.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.#show();
    this.#place();
    this.draw();
  }

  /** On which units the passage stands: where it was begun, and where the keys have got to. */
  #placesIn(units) {
    if (this.draft.ends) return this.draft.ends;
    const shown = this.#shown(this.draft.position, this.draft);
    if (!shown.length || !units.length) return [0, 0];
    const [from, to] = [shown[0], shown.at(-1)];
    const first = units.findIndex((unit) => unit.comparePoint(from.startContainer, from.startOffset) <= 0);
    const last = units.findLastIndex((unit) => unit.comparePoint(to.endContainer, to.endOffset) >= 0);
    return [Math.max(0, first), Math.max(0, last)];
  }

  #units(position) {
    const known = this.draft?.units;
    if (known?.by === this.unit && this.draft.position === position) return known.units;
    const answer = this.comparison()?.responses[position];
    const units = answer && this.editOf(answer.id) == null ? unitsOf(this.texts[position], this.unit) : [];
    if (this.draft) this.draft.units = { by: this.unit, units };
    return units;
  }

  // --- drawing -------------------------------------------------------------------------------------

  draw() {
    const responses = this.comparison()?.responses ?? [];
    const ranges = { good: [], bad: [], now: [] };
    this.cards.forEach((card, position) => {
      const answer = responses[position];
      const marks = answer?.place === position && answer.id ? this.#marksOf(answer) : [];
      drawList(card.querySelector(".marked"), marks, answer);
      if (!marks.length || this.editOf(answer.id) != null) return;
      for (const mark of marks) ranges[mark.quality].push(...this.#shown(position, mark));
    });
    if (this.draft && !this.draft.whyNot && !this.#isKept()) ranges.now = this.#shown(this.draft.position, this.draft);
    for (const [name, some] of Object.entries(ranges)) globalThis.CSS?.highlights?.set(`passage-${name}`, new Highlight(...some));
  }

  #show() {
    const { draft } = this;
    const answer = this.comparison().responses[draft.position];
    const units = draft.whyNot ? [] : this.#units(draft.position);
    const reasons = Marker.reasonsFor(draft.quality, this.reasons());
    const place = 1 + this.#placesIn(units)[1];
    this.marker.show({ ...draft, letter: answer.letter, words: this.#words(), place, of: units.length, reasons, byWords: this.unit === "word" });
  }

  #place() {
    if (this.marker.isOpen && this.draft) this.marker.place(this.#beside());
  }

  /** Where the marker stands at the foot of the window, the passage goes up above it. */
  #uncover() {
    const last = this.#shown(this.draft.position, this.draft).at(-1);
    if (!last || !this.marker.isDocked) return;
    const covered = last.getBoundingClientRect().bottom - this.marker.root.getBoundingClientRect().top + 8;
    if (covered <= 0) return;
    const body = this.cards[this.draft.position].querySelector(".body");
    const before = body.scrollTop;
    body.scrollTop += covered;
    scrollBy(0, covered - (body.scrollTop - before));
  }

  /** What the marker stands beside: the passage, or its entry in the list where that is not shown. */
  #beside() {
    const shown = this.#shown(this.draft.position, this.draft);
    if (shown.length) return shown;
    const card = this.cards[this.draft.position];
    const { rangeCount } = getSelection();
    if (this.draft.whyNot && rangeCount) return [getSelection().getRangeAt(0)];
    return [card.querySelector(`[data-mark="${this.draft.mark}"]`) ?? card];
  }

  #shown(position, { start, end, by, responseId }) {
    const answer = this.comparison()?.responses[position];
    if (this.editOf(answer?.id ?? responseId) != null) return [];
    return shownOf(this.texts[position], start + by, end + by);
  }

  #marksOf(answer) {
    return this.marks.of(answer, this.comparison().responses);
  }

  #words() {
    const { position, start, end, by } = this.draft;
    return slice(this.comparison().responses[position].text, start + by, end + by);
  }

  #say(sentence) {
    this.dispatchEvent(new CustomEvent("said", { detail: sentence }));
  }
}

/** A passage without the white space at its ends, in code points. */
function trimmed(text, start, end) {
  const words = [...slice(text, start, end)];
  const from = words.findIndex((each) => each.trim());
  return from < 0 ? [start, start] : [start + from, start + words.findLastIndex((each) => each.trim()) + 1];
}

function isUnder(range, x, y) {
  return [...range.getClientRects()].some((box) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom);
}
