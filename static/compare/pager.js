// On narrow screens the answers are cards side by side; the letters above them tell and choose which is in view.

import { smoothly } from "../motion.js";

export class Pager {
  /** root: the page; panels: the answers' elements, leftmost first. */
  constructor(root, panels) {
    this.pager = root.querySelector(".pager");
    const tabs = [...this.pager.querySelectorAll("button")];
    tabs.forEach((tab, position) => tab.addEventListener("click", () => this.show(panels[position])));
    const seen = new IntersectionObserver(
      (entries) => {
        const entry = entries.find((candidate) => candidate.intersectionRatio > 0.6);
        if (!entry || !this.#inUse()) return;
        const current = tabs[panels.indexOf(entry.target)];
        tabs.forEach((tab) => tab.setAttribute("aria-current", String(tab === current)));
      },
      { root: root.querySelector(".arms"), threshold: [0.6] },
    );
    panels.forEach((panel) => seen.observe(panel));
  }

  /** Bring a card into view, if they are cards and there is one. */
  show(panel) {
    if (this.#inUse()) panel?.scrollIntoView({ behavior: smoothly(), inline: "center", block: "nearest" });
  }

  #inUse() {
    return this.pager.checkVisibility();
  }
}
