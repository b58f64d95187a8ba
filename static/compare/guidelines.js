// The guidelines of the study, in the version that holds now: in their popover, a key away; and before the first item, until
// somebody says that they begin. Where there are none, those of the page stay in the popover.

import { call } from "../api.js";

export class Guidelines {
  /** popover: its element; first: where they stand before the first item; study: the id of the study. */
  constructor(popover, first, study) {
    Object.assign(this, { popover, first, study });
    popover.addEventListener("beforetoggle", ({ newState }) => newState === "open" && this.#fill(popover));
  }

  open() {
    this.popover.showPopover();
  }

  /** Show them by themselves; resolves once somebody begins. isAnew: others held when they began to work. Throws ApiError. */
  async read(isAnew) {
    const { first } = this;
    const { html } = await this.#get();
    first.querySelector("[data-words]").innerHTML = html; // sanitised by the server
    first.querySelector("h2").textContent = isAnew ? "The guidelines have changed" : "Before you begin";
    const button = first.querySelector("[data-begin]");
    button.firstChild.data = isAnew ? "Go on" : "Begin";
    first.hidden = false;
    first.scrollIntoView({ block: "nearest" });
    button.focus({ preventScroll: true });
    await new Promise((resolve) => button.addEventListener("click", resolve, { once: true }));
    first.hidden = true;
  }

  #get() {
    return call("GET", `/api/studies/${this.study}/guidelines`);
  }

  async #fill(element) {
    try {
      const { number, html } = await this.#get();
      if (number) element.querySelector("[data-words]").innerHTML = html; // sanitised by the server
    } catch {
      // those that are there stay
    }
  }
}
