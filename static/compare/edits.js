// An answer that a person has written anew: their version, or what they changed of it, and the way back to the answer.
//
// Writing it is in `acts.js`; this draws what came of it, and in the editor what it comes to. Knows no signal.

import { twice } from "../twice.js";
import { drawDifference } from "./difference.js";
import { isCut } from "./words.js";

const SURE = "Lose your version?";
const SURE_OF_WORDS = "Lose these words?";

export class Edits {
  /**
   * cards: the answers' elements, leftmost first. comparison(): as `acts.js` has it. editOf(responseId): the person's own
   * version, if there is one; takeBack(position): drop it. begunOf(answer): what was begun and is not saved, or null;
   * drop(position): give it up.
   */
  constructor(cards, { comparison, editOf, takeBack, begunOf, drop }) {
    Object.assign(this, { cards, comparison, editOf, begunOf });
    this.asChanges = true; // of all cards, until it is turned
    cards.forEach((card, position) => {
      card.querySelector(".own").addEventListener("click", ({ target }) => {
        const { own } = target.closest("[data-own]")?.dataset ?? {};
        if (own) this.#turn(own === "changes");
      });
      twice(card.querySelector("[data-take-back]"), SURE, (reset) => {
        reset();
        takeBack(position);
        card.querySelector('[data-act="edit"]').focus();
      });
      twice(card.querySelector("[data-drop-edit]"), SURE_OF_WORDS, (reset) => {
        reset();
        drop(position);
        card.querySelector('[data-act="edit"]').focus();
      });
      const editor = card.querySelector(".editor");
      editor.querySelector("[data-while-editing]").addEventListener("click", () => this.#turnEditor(position));
      editor.addEventListener("keydown", (event) => this.#editorKey(position, event));
    });
  }

  /** What stands on the page has changed. */
  update() {
    const responses = this.comparison()?.responses ?? [];
    this.cards.forEach((card, position) => {
      const answer = responses[position];
      const edited = answer?.id ? (this.editOf(answer.id) ?? null) : null;
      const isChanges = edited !== null && this.asChanges;
      card.querySelector(".own").hidden = edited === null;
      card.querySelector(".begun").hidden = card.classList.contains("editing") || !answer?.id || this.begunOf(answer) === null;
      card.classList.toggle("as-changes", isChanges);
      for (const button of card.querySelectorAll("[data-own]")) {
        button.setAttribute("aria-pressed", String((button.dataset.own === "changes") === isChanges));
      }
      const changes = card.querySelector(".body > .changes");
      changes.hidden = !isChanges;
      if (isChanges) draw(changes, answer.text.trim(), edited);
      if (!card.classList.contains("editing")) this.#showField(card, true);
    });
  }

  /** Show the person's version of the answer at `position`, or what they changed of it; false if there is none. */
  turn(position) {
    const answer = this.comparison()?.responses[position];
    if (!answer?.id || this.editOf(answer.id) == null) return false;
    this.#turn(!this.asChanges);
  }

  #turn(asChanges) {
    this.asChanges = asChanges;
    this.update();
  }

  #editorKey(position, event) {
    const isField = event.target.matches("textarea");
    if (event.key === "Enter" && event.altKey) this.#turnEditor(position);
    else if (event.key === "Escape" && event.target.matches(".changes")) this.#turnEditor(position);
    else if (event.key === "Enter" && !isField && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** While it is being written: what was changed so far, or back to writing. */
  #turnEditor(position) {
    const card = this.cards[position];
    const field = card.querySelector(".editor textarea");
    const back = field.hidden;
    if (!back) draw(card.querySelector(".editor .changes"), this.comparison().responses[position].text.trim(), field.value.trim());
    this.#showField(card, back);
    (back ? field : card.querySelector(".editor .changes")).focus();
  }

  #showField(card, on) {
    card.querySelector(".editor textarea").hidden = !on;
    card.querySelector(".editor .changes").hidden = on;
    card.querySelector("[data-while-editing]").setAttribute("aria-pressed", String(!on));
  }
}

const drawn = new WeakMap(); // element -> the two texts that it shows

function draw(element, one, other) {
  const name = JSON.stringify([one, other]);
  if (drawn.get(element) === name) return;
  drawn.set(element, name);
  if (one === other) return void (element.textContent = "Nothing is changed yet.");
  drawDifference(element, one, other);
  if (isCut(one) || isCut(other)) element.append("\n\n(Of each version, the first 4,000 words are compared.)");
}
