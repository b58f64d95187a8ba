// On narrow screens the answers are cards side by side; the letters above them tell and choose which is in view.

import { smoothly } from "../motion.js";
import { listed } from "./folds.js";

export class Pager {
  /** root: the page; panels: the answers' elements, leftmost first; look(position): that one is in view. */
  constructor(root, panels, look = () => {}) {
    this.pager = root.querySelector(".pager");
    this.tabs = [...this.pager.querySelectorAll("button")];
    const { tabs } = this;
    tabs.forEach((tab, position) => tab.addEventListener("click", () => this.show(panels[position])));
    const seen = new IntersectionObserver(
      (entries) => {
        const entry = entries.find((candidate) => candidate.intersectionRatio > 0.6);
        if (!entry || !this.#inUse()) return;
        const current = tabs[panels.indexOf(entry.target)];
        tabs.forEach((tab) => tab.setAttribute("aria-current", String(tab === current)));
        look(panels.indexOf(entry.target));
      },
      { root: root.querySelector(".arms"), threshold: [0.6] },
    );
    panels.forEach((panel) => seen.observe(panel));
  }

  /** Name each card by the answers that it shows: [{letters}], none for one that another card shows. */
  name(responses) {
    this.tabs.forEach((tab, position) => {
      const letters = responses[position]?.letters ?? (responses.length ? [] : [tab.dataset.letter]);
      tab.hidden = !letters.length;
      if (letters.length && tab.textContent !== listed(letters)) tab.textContent = listed(letters);
    });
  }

  /** Bring a card into view, if they are cards and there is one. */
  show(panel) {
    if (this.#inUse()) panel?.scrollIntoView({ behavior: smoothly(), inline: "center", block: "nearest" });
  }

  #inUse() {
    return this.pager.checkVisibility();
  }
}
