// The ranking: answers in their order, the best first, equal ones on one place; by keys, by clicks in order, or dragged.
//
// It is recorded as soon as every answer that can be ranked has its place, anew whenever that changes, and taken back when one
// has none any more. Knows nothing of votes but which answer is first because of one.

import { h } from "../../kit.js";
import { listed } from "../folds.js";
import { dragChips } from "./dragging.js";
import { among, moved, placed, put, takenBack, tiedLast, without } from "./order.js";

const NTH = ["first", "second", "third"];
const FIXED = "You have chosen it as the best one; undo that to place it otherwise.";

export class Ranking {
  /** record(order): it is complete; retract(): it is not, any more; changed(sentence): how it reads now. */
  constructor({ record, retract, changed }) {
    Object.assign(this, { record, retract, changed });
    this.order = [];
    this.recorded = null; // as JSON
    this.answers = []; // that can be ranked
    this.pool = h("div", { class: "pool", "data-pool": "", role: "group", "aria-label": "Without a place yet" });
    this.places = h("ol", { class: "places", role: "list", "aria-label": "The order, the best first" });
    const button = (name, label, key, shown, work) => h("button", { type: "button", class: "tool", "data-rank": name, "aria-keyshortcuts": key, onclick: work }, label, h("kbd", {}, shown));
    this.tools = h("div", { class: "tools-of" }, button("tie", "Same place", "T", "T", () => this.tie()), button("back", "Take back", "Backspace", "⌫", () => this.back()));
    const row = h("div", { class: "of-order" }, this.pool, this.places);
    this.element = h("div", { class: "step ranking", role: "group", "aria-label": "Ranking" }, h("span", { class: "what" }, "Order"), row, this.tools);
    row.addEventListener("click", ({ target }) => this.#clicked(target.closest("[data-chip]")));
    row.addEventListener("keydown", (event) => this.#key(event));
    dragChips(row, (id, target) => this.#change(target ? put(this.order, id, target.place, target.isShared) : without(this.order, id)));
  }

  /** A comparison came onto the page. order: the ranking that stands, or null. */
  begin(order) {
    this.order = order ?? [];
    this.tiesNext = false;
    this.recorded = order ? JSON.stringify(order) : null;
  }

  /** Another outcome has taken its place. */
  forget() {
    this.begin(null);
  }

  /** answers: those that can be ranked, [{id, ids, letters, positions, text}]; first: the id of the one that was voted best, if any; areTied: by the vote, all of them. */
  show(answers, { first = null, areTied = false } = {}) {
    Object.assign(this, { answers, first, areTied });
    this.order = this.#sound(this.order);
    if (this.isComplete && !this.recorded) this.#settle();
    this.#draw();
  }

  /** Whether every answer has its place. */
  get isComplete() {
    return this.answers.length > 0 && this.order.flat().length === this.answers.length;
  }

  /** What is still to be said; "" if nothing is. */
  lacking() {
    const open = this.#open();
    if (!open.length) return "";
    return this.order.length ? `the place of ${listed(open.map(({ letters }) => listed(letters)))}` : "the order of the answers";
  }

  /** The answer at a position of the page is next; false if it cannot be ranked. */
  place(position) {
    const answer = this.answers.find((each) => each.positions.includes(position));
    if (!answer?.text || this.#isFixed(answer.id)) return false;
    this.#change(this.#with(answer.id));
    return true;
  }

  #with(id) {
    const next = placed(this.order, id);
    return this.tiesNext ? tiedLast(next) : next;
  }

  /** The last one shares the place before it; where only one has a place, the next one will share it. */
  tie() {
    const tied = tiedLast(this.order);
    const isOne = this.order.flat().length === 1 && this.#open().length > 0;
    if (!isOne) return this.#change(tied);
    this.tiesNext = !this.tiesNext;
    this.tools.querySelector('[data-rank="tie"]').setAttribute("aria-pressed", String(this.tiesNext));
    this.changed(this.tiesNext ? "The next one shares its place." : "The next one has a place of its own.");
  }

  /** Take back the place that was given last; false if there is none. */
  back() {
    return !this.areTied && this.#change(takenBack(this.order));
  }

  /** All on one place. */
  tieAll() {
    this.#change([this.answers.map(({ id }) => id)]);
  }

  /** No answer has a place any more; false if none had. */
  clear() {
    if (!this.order.length) return false;
    this.#change([]);
    return true;
  }

  /** Say the same again: something that would stand in its place was said after it. */
  again() {
    if (this.recorded) this.record(this.order);
  }

  focus() {
    (this.pool.querySelector("button") ?? this.places.querySelector("button:not(:disabled)"))?.focus();
  }

  #open() {
    const there = new Set(this.order.flat());
    return this.answers.filter(({ id }) => !there.has(id));
  }

  #isFixed(id) {
    return this.areTied || id === this.first;
  }

  /** Of the answers that are there, the one that was voted best before all others; of two the other is the second then. */
  #sound(order) {
    const shown = (id) => this.answers.find(({ ids }) => ids.includes(id))?.id;
    const found = among(order, shown);
    if (!this.first || !shown(this.first)) return found;
    const others = without(found, this.first);
    if (this.answers.length === 2 && !others.length) others.push([this.answers.find(({ id }) => id !== this.first).id]);
    return [[this.first], ...others];
  }

  #change(order) {
    const sound = this.#sound(order);
    if (JSON.stringify(sound) === JSON.stringify(this.order)) return false;
    const had = this.element.contains(document.activeElement) ? document.activeElement.dataset.chip : null;
    this.order = sound;
    this.tiesNext = false;
    this.tools.querySelector('[data-rank="tie"]').removeAttribute("aria-pressed");
    this.#settle();
    this.#draw();
    if (had) this.element.querySelector(`[data-chip="${had}"]`)?.focus();
    this.changed(this.sentence);
    return true;
  }

  #settle() {
    const words = this.isComplete ? JSON.stringify(this.order) : null;
    if (words === this.recorded) return;
    this.recorded = words;
    if (words) this.record(this.order);
    else this.retract();
  }

  /** The order, as one says it. */
  get sentence() {
    if (!this.order.length) return "No answer has a place yet.";
    const told = this.order.map((place, index) => {
      const names = listed(place.map((id) => this.#letters(id)));
      return place.length > 1 ? `${names} share the ${NTH[index]} place` : `${names} is ${NTH[index]}`;
    });
    const open = this.#open();
    return `${told.join("; ")}.${open.length ? ` ${listed(open.map(({ letters }) => listed(letters)))} without a place yet.` : ""}`;
  }

  #letters(id) {
    return listed(this.answers.find((each) => each.id === id).letters);
  }

  #draw() {
    const drawn = JSON.stringify([this.order, this.answers.map(({ id, letters, text }) => [id, letters, Boolean(text)]), this.first, this.areTied]);
    if (drawn === this.drawn) return; // what has the focus keeps it
    this.drawn = drawn;
    this.pool.replaceChildren(...this.#open().map((answer) => this.#chip(answer, "no place yet")));
    this.pool.hidden = !this.#open().length;
    const place = (ids, index) => {
      const where = `${NTH[index]} place${ids.length > 1 ? ", shared" : ""}`;
      return h("li", { class: "place", "data-place": "" }, h("span", { class: "nth", "aria-hidden": "true" }, `${index + 1}.`), ids.map((id) => this.#chip(this.answers.find((each) => each.id === id), where)));
    };
    this.places.replaceChildren(...this.order.map(place));
    this.places.hidden = !this.order.length;
    this.tools.querySelector('[data-rank="tie"]').disabled = this.areTied || this.order.length < 1 || (this.order.flat().length === 1 && !this.#open().length);
    this.tools.querySelector('[data-rank="back"]').disabled = this.areTied || this.order.flat().every((id) => this.#isFixed(id));
  }

  #chip({ id, letters, positions, text }, where) {
    const isFixed = this.#isFixed(id);
    const key = String(positions[0] + 1);
    return h("button", { type: "button", class: "badge", "data-chip": id, disabled: isFixed || !text, title: isFixed && !this.areTied ? FIXED : null, "aria-keyshortcuts": key }, listed(letters), h("span", { class: "visually-hidden" }, ` (${where})`), h("kbd", {}, key));
  }

  /** In the order of clicks; one that has its place gives it back. */
  #clicked(chip) {
    if (!chip || chip.disabled) return;
    const { chip: id } = chip.dataset;
    this.#change(this.order.flat().includes(id) ? without(this.order, id) : this.#with(id));
  }

  #key(event) {
    const id = event.target.closest("[data-chip]")?.dataset.chip;
    if (!id || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (by) this.#change(this.order.flat().includes(id) ? moved(this.order, id, by) : placed(this.order, id));
    else if (event.key === "Delete") this.#change(without(this.order, id));
    else return;
    event.preventDefault();
  }
}
