// A reminder to rest, for whoever has worked without a break. Knows when something was done, not what.

const WORK_MS = 45 * 60_000; // without a break
const BREAK_MS = 5 * 60_000; // in which nothing is done
const SNOOZE_MS = 15 * 60_000; // until it is said again
const OFF = "rlhb.no-breaks"; // in localStorage

export class Breaks {
  /** line: the element of the reminder, with its two buttons. */
  constructor(line) {
    this.line = line;
    this.since = this.last = Date.now();
    this.quietUntil = 0;
    for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => this.#did(), { capture: true, passive: true });
    line.querySelector("[data-go-on]").addEventListener("click", () => this.#hide());
    line.querySelector("[data-no-breaks]").addEventListener("click", () => {
      try {
        localStorage.setItem(OFF, "yes");
      } catch {
        // forbidden: until the page is left
      }
      this.isOff = true;
      this.#hide();
    });
    this.isOff = localStorage.getItem(OFF) === "yes";
  }

  #did() {
    const now = Date.now();
    if (now - this.last >= BREAK_MS) {
      this.since = now;
      this.line.hidden = true;
    }
    this.last = now;
    if (this.isOff || now - this.since < WORK_MS || now < this.quietUntil) return;
    this.line.querySelector("[data-minutes]").textContent = Math.round((now - this.since) / 60_000);
    this.line.hidden = false;
  }

  #hide() {
    this.line.hidden = true;
    this.quietUntil = Date.now() + SNOOZE_MS;
  }
}
