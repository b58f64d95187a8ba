// "What differs": two of the answers, word by word, in a dialog. Knows what stands on the page by what it is told.

import { nameOf } from "../keys.js";
import { meantBy } from "../keymap.js";
import { drawDifference } from "./difference.js";
import { isCut } from "./words.js";

const KEY = "w";

export class Differs {
  /**
   * dialog: the one that shows it; opener: the button that opens it.
   * standing(): the answers on the page that say something: [{name, text}], leftmost first.
   */
  constructor(dialog, opener, standing) {
    this.dialog = dialog;
    this.opener = opener;
    this.standing = standing;
    opener.addEventListener("click", () => this.open());
    dialog.addEventListener("keydown", (event) => {
      if (meantBy(nameOf(event)) !== KEY || event.altKey || event.repeat) return;
      event.preventDefault(); // or it would be opened again
      dialog.close();
    });
    dialog.addEventListener("click", ({ target }) => {
      const pair = target.closest("[data-pair]");
      if (pair) this.#show(pair.dataset.pair.split(",").map(Number));
      else if (target === dialog || target.closest("[data-close]")) dialog.close(); // beside it, or its button
    });
  }

  /** There may be something else to compare now, or nothing. */
  update() {
    this.opener.disabled = this.standing().length < 2;
  }

  open() {
    const answers = this.standing();
    if (answers.length < 2) return;
    const pairs = answers.flatMap((_, one) => answers.slice(one + 1).map((_, next) => [one, one + 1 + next]));
    this.dialog.querySelector("[data-pairs]").replaceChildren(
      ...pairs.map(([one, other]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "button";
        button.dataset.pair = `${one},${other}`;
        button.textContent = `${answers[one].name} and ${answers[other].name}`;
        return button;
      }),
    );
    this.#show(pairs[0]);
    this.dialog.showModal();
  }

  #show([one, other]) {
    const answers = this.standing();
    const [from, to] = [answers[one], answers[other]];
    if (!from || !to) return this.dialog.close(); // folded into one meanwhile
    for (const button of this.dialog.querySelectorAll("[data-pair]")) {
      button.setAttribute("aria-pressed", String(button.dataset.pair === `${one},${other}`));
    }
    const [gone, come] = this.dialog.querySelectorAll("[data-only]");
    gone.textContent = from.name;
    come.textContent = to.name;
    this.dialog.querySelector("[data-cut]").hidden = !isCut(from.text) && !isCut(to.text);
    drawDifference(this.dialog.querySelector(".difference"), from.text, to.text);
    this.dialog.querySelector(".difference").scrollTop = 0;
  }
}
