// The guidelines in their popover: those of the study, in the version that holds now; without any, those of the page stay.

import { call } from "../api.js";

export class Guidelines {
  /** popover: its element; study: the id of the study. */
  constructor(popover, study) {
    this.popover = popover;
    this.study = study;
    popover.addEventListener("beforetoggle", ({ newState }) => newState === "open" && this.#fetch());
  }

  open() {
    this.popover.showPopover();
  }

  async #fetch() {
    try {
      const { number, html } = await call("GET", `/api/studies/${this.study}/guidelines`);
      if (number) this.popover.querySelector("[data-words]").innerHTML = html; // sanitised by the server
    } catch {
      // those that are there stay
    }
  }
}
