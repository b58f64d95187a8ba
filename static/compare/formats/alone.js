// The part of the card in which each answer is judged alone: a column for each, a row for each thing that is asked.
//
// A row knows what it asks ({kind, label, key, make, draw, lacks, focus}); here is where it stands. On narrow screens the column
// of the answer in view is shown.

import { h } from "../../kit.js";
import { listed } from "../folds.js";

export class Alone {
  constructor() {
    this.rows = [];
    this.columns = new Map(); // answer id -> {answer, element, cells}
    this.inView = 0;
    this.element = h("div", { class: "alone", role: "group", "aria-label": "Each answer alone" });
  }

  /** Of a comparison that came onto the page. */
  begin(rows) {
    this.rows = rows;
    this.columns.clear();
    this.element.replaceChildren();
    this.inView = 0;
  }

  /** answers: those that can be judged, leftmost first. */
  show(answers) {
    this.element.hidden = !this.rows.length || !answers.length;
    if (this.element.hidden) return;
    const before = [...this.element.querySelectorAll(".of-answer")];
    const columns = answers.map((answer) => this.#column(answer));
    if (columns.length !== before.length || columns.some(({ element }, index) => element !== before[index])) {
      const labels = h("div", { class: "labels", "aria-hidden": "true" }, h("span"), this.rows.map(({ label, key }) => h("span", { dir: "auto" }, label, key && h("kbd", {}, key))));
      this.element.replaceChildren(labels, ...columns.map(({ element }) => element));
      this.element.dataset.rows = this.rows.length + 1;
    }
    for (const { answer, cells } of columns) this.rows.forEach((row, index) => row.draw(cells[index].lastChild, answer));
    this.look(this.inView);
  }

  /** The answer at this position is in view. */
  look(position) {
    const columns = [...this.columns.values()];
    const shown = columns.find(({ answer }) => answer.positions.includes(position)) ?? columns[0];
    this.inView = position;
    for (const column of columns) column.element.toggleAttribute("data-in-view", column === shown);
  }

  /** The position of the answer in whose column the focus is; -1 if it is elsewhere. */
  get focused() {
    const column = document.activeElement?.closest(".of-answer");
    return column && this.element.contains(column) ? Number(column.dataset.position) : -1;
  }

  /** What is not said yet, column by column: [{row, answer, focus()}]. */
  lacking(answers) {
    return answers.flatMap((answer) => {
      const column = this.columns.get(answer.id);
      return this.rows.flatMap((row, index) => (column && row.lacks(answer) ? [{ row, answer, focus: () => this.#focus(column, index) }] : []));
    });
  }

  /** The same in words, ratings of one answer together and what is good or bad of all: [{words, first}]. */
  lackingWords(answers) {
    const groups = new Map(); // by what is told together
    for (const each of this.lacking(answers)) {
      const who = listed(each.answer.letters);
      const key = each.row.kind === "ratings" ? who : each.row.kind;
      if (!groups.has(key)) groups.set(key, { labels: [], names: [], first: each });
      groups.get(key).labels.push(each.row.label);
      groups.get(key).names.push(who);
    }
    const aspects = this.rows.filter(({ kind }) => kind === "ratings").length;
    const told = ({ labels, names, first }) =>
      first.row.kind === "binary"
        ? `whether ${listed(names)} ${names.length > 1 ? "are" : "is"} good or bad`
        : `ratings of ${names[0]}${labels.length < aspects ? ` in ${listed(labels)}` : ""}`;
    const all = [...groups.values()].map((group) => ({ words: told(group), first: group.first }));
    const kinds = [...new Set(this.rows.map(({ kind }) => kind))];
    return all.sort((one, other) => kinds.indexOf(one.first.row.kind) - kinds.indexOf(other.first.row.kind));
  }

  /** A digit goes to this row ({row, answer}), or to none (null). */
  point(to) {
    for (const { answer, cells } of this.columns.values())
      cells.forEach((cell, index) => cell.toggleAttribute("data-current", this.rows[index] === to?.row && answer.id === to.answer.id));
  }

  /** Put the focus on what a row asks of an answer. */
  focus(kind, answer) {
    const column = this.columns.get(answer.id);
    const index = this.rows.findIndex((row) => row.kind === kind);
    if (column && index >= 0) this.#focus(column, index);
  }

  #focus({ answer, cells }, index) {
    this.look(answer.positions[0]);
    this.rows[index].focus(cells[index].lastChild);
  }

  #column(answer) {
    const known = this.columns.get(answer.id);
    const who = listed(answer.letters);
    if (known?.who === who) return Object.assign(known, { answer });
    const cells = this.rows.map((row) => h("div", { class: "cell" }, h("span", { class: "what", dir: "auto", "aria-hidden": "true" }, row.label), row.make(answer)));
    const element = h("section", { class: "of-answer", "data-position": String(answer.positions[0]), "aria-label": `Answer ${who}` }, h("b", { class: "who" }, who), cells);
    this.columns.set(answer.id, { answer, who, element, cells });
    return this.columns.get(answer.id);
  }
}
