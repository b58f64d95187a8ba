// The lines in which the page speaks: what has just happened, for those who do not see it; a hint; what went wrong; and that
// there is no connection, while something waits to be sent. Knows nothing of what it says.

import { outbox } from "../signals.js";

export class Notices {
  /** root: the page. */
  constructor(root) {
    this.root = root;
    outbox.addEventListener("change", () => this.#connection());
    addEventListener("offline", () => this.#connection());
    addEventListener("online", () => this.#connection());
  }

  /** For screen readers. */
  say(sentence) {
    this.root.querySelector("[data-says]").textContent = sentence;
  }

  /** Until it is taken away with "". */
  hint(sentence) {
    this.#show("[data-hint]", sentence);
  }

  /** Whether there is one. */
  get isHinted() {
    return !this.root.querySelector("[data-hint]").hidden;
  }

  /** The same, of what went wrong. */
  trouble(sentence) {
    this.#show(".trouble", sentence);
  }

  #show(selector, sentence) {
    const line = this.root.querySelector(selector);
    line.textContent = sentence;
    line.hidden = !sentence;
  }

  #connection() {
    const away = outbox.waiting > 0 && ((outbox.stuck && !outbox.out) || !navigator.onLine);
    this.root.querySelector(".connection").hidden = !away;
  }
}
