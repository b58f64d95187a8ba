// On a narrow screen a card that asks for much is one line, what is still to be said, until it is opened: the answers are read
// first. Whether there is room is for the style sheet to say (`formats.css`).

import { h } from "../../kit.js";

const FEW = 2; // things asked for that always have their place

export class Fold {
  /** box: the card; line: where it is said what is missing, which opens it too. */
  constructor(box, line) {
    this.box = box;
    this.button = h("button", { type: "button", class: "link opens", "aria-expanded": "false", onclick: () => this.#turn(!this.isOpen) }, "Open");
    line.after(this.button);
    line.addEventListener("click", () => this.button.checkVisibility() && this.#turn(!this.isOpen));
  }

  /** A comparison came onto the page of which so many things are asked in the card. */
  begin(count) {
    this.box.toggleAttribute("data-folds", count > FEW);
    this.#turn(false);
  }

  get isOpen() {
    return this.box.hasAttribute("data-open");
  }

  open() {
    this.#turn(true);
  }

  #turn(on) {
    this.box.toggleAttribute("data-open", on);
    this.button.setAttribute("aria-expanded", String(on));
    this.button.textContent = on ? "Fold" : "Open";
  }
}
