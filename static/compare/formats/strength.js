// How much better the chosen answer is than the others: three buttons, once there is a choice.

import { h } from "../../kit.js";
import { listed } from "../folds.js";

const UNSEEN_MS = 500; // from when they appear, or get the focus: a press that comes so early was meant for what was there before

export const STRENGTHS = ["slightly", "clearly", "much"];

const subject = ({ letters }) => `${listed(letters)} ${letters.length > 1 ? "are" : "is"}`;

export class Strength {
  /** choose(strength): say it, 1 to 3; early(): a button was pressed before anybody can have seen it. */
  constructor(choose, early) {
    const press = (strength) => (this.isUnseen ? early() : choose(strength));
    this.what = h("span", { class: "what" });
    this.buttons = STRENGTHS.map((word, index) =>
      h("button", { type: "button", "aria-pressed": "false", "aria-keyshortcuts": String(index + 1), onclick: () => press(index + 1) }, `${word} better`, h("kbd", {}, String(index + 1))),
    );
    this.element = h("div", { class: "step strength", role: "group", "aria-label": "How much better?" }, this.what, h("div", { class: "of-three" }, this.buttons));
  }

  /** vote: as it stands; best: the answer that it is for. */
  show(vote, best) {
    if (best && this.element.hidden) this.#wait();
    this.element.hidden = !best;
    if (!best) return;
    this.what.textContent = subject(best);
    this.buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(vote.strength === index + 1)));
  }

  /** What is still to be said; "" if nothing is. */
  lacking(vote, best) {
    return best && !vote.strength ? `how much better ${subject(best)}` : "";
  }

  focus() {
    if (document.activeElement !== this.buttons[0]) this.#wait();
    this.buttons[0].focus();
  }

  /** The finger that has just voted, or the key that has just led here, says nothing yet. Digits do: each names what it says. */
  #wait() {
    this.#see(true);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#see(false), UNSEEN_MS);
  }

  #see(isUnseen) {
    this.isUnseen = isUnseen;
    for (const button of this.buttons) button.setAttribute("aria-disabled", String(isUnseen));
  }
}
