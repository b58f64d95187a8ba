// What a question is to the one before it: told by what it says (`sequel.js`), shown in a line, corrected by one press.
//
// Each is a signal about the question before; of all that are about the same two questions the last counts.

import { record } from "../signals.js";
import { sequelKind } from "./sequel.js";

export class Step extends EventTarget {
  /** root: its element, with a button for each kind. Event: "said" with detail = a sentence. */
  constructor(root) {
    super();
    this.root = root;
    this.between = null; // {from, to}: ids of the two questions
    this.kind = null; // as it is recorded
    root.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-step]");
      if (button) this.#correct(button.dataset.step);
    });
  }

  /** A question has come after another: {queryId, text, completeAt} and {queryId, text, goesOn}. */
  take(before, now) {
    const gapMs = before.completeAt ? Date.now() - before.completeAt : 0;
    const kind = sequelKind(before.text, now.text, { gapMs, goesOn: now.goesOn });
    this.between = { from: before.queryId, to: now.queryId };
    this.kind = kind ?? "none";
    if (kind) record(kind, before.queryId, null, { to_query: now.queryId });
    this.#show();
  }

  hide() {
    this.between = null;
    this.root.hidden = true;
  }

  #correct(kind) {
    if (!this.between || kind === this.kind) return;
    const { from, to } = this.between;
    // that it is nothing is said of whatever it was taken for
    if (kind === "none") record(this.kind, from, null, { to_query: to, on: false });
    else record(kind, from, null, { to_query: to });
    this.kind = kind;
    this.#show();
    const words = this.root.querySelector('[aria-pressed="true"]').textContent;
    this.dispatchEvent(new CustomEvent("said", { detail: `Noted: this question ${words}.` }));
  }

  #show() {
    this.root.hidden = false;
    for (const button of this.root.querySelectorAll("[data-step]")) {
      button.setAttribute("aria-pressed", String(button.dataset.step === this.kind));
    }
  }
}
