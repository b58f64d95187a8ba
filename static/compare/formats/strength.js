// How much better the chosen answer is than the others: three buttons, once there is a choice.

import { h } from "../../kit.js";
import { listed } from "../folds.js";

export const STRENGTHS = ["slightly", "clearly", "much"];

const subject = ({ letters }) => `${listed(letters)} ${letters.length > 1 ? "are" : "is"}`;

export class Strength {
  /** choose(strength): say it, 1 to 3. */
  constructor(choose) {
    this.what = h("span", { class: "what" });
    this.buttons = STRENGTHS.map((word, index) =>
      h("button", { type: "button", "aria-pressed": "false", "aria-keyshortcuts": String(index + 1), onclick: () => choose(index + 1) }, `${word} better`, h("kbd", {}, String(index + 1))),
    );
    this.element = h("div", { class: "step strength", role: "group", "aria-label": "How much better?" }, this.what, h("div", { class: "of-three" }, this.buttons));
  }

  /** vote: as it stands; best: the answer that it is for. */
  show(vote, best) {
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
    this.buttons[0].focus();
  }
}
