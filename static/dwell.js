// Clocks that run while an answer can be read: the tab is visible, the answer is in view, the person is not idle.
// Knows nothing of signals; `tracker.js` turns the times into records.

const IDLE_MS = 30_000;
const ACTIVITY = ["pointermove", "pointerdown", "keydown", "wheel", "scroll", "touchstart", "focus"];

const clocks = new Set();

/** When the person last did anything, on the clock of performance.now(). */
let active = performance.now();
for (const name of ACTIVITY) addEventListener(name, stir, { passive: true, capture: true });

/** The person did something. After a pause, the clocks first stop where it began, then run again at once. */
function stir() {
  const wasIdle = isIdle();
  if (wasIdle) clocks.forEach((clock) => clock.tick());
  active = performance.now();
  if (wasIdle) clocks.forEach((clock) => clock.tick());
}

function isIdle() {
  return performance.now() - active >= IDLE_MS;
}

export class Dwell {
  #since = null; // running since, or null
  #ms = 0;
  #inView = false;

  constructor() {
    clocks.add(this); // for good: there are three on a page
  }

  /** Whether enough of the answer is in view to be read. */
  set inView(value) {
    this.#settle();
    this.#inView = value;
    this.#since = this.#runs() ? performance.now() : null;
  }

  /** To be called when the tab is shown or hidden, and now and then, so that idleness is noticed. */
  tick() {
    this.inView = this.#inView;
  }

  /** The milliseconds gathered since the last call. */
  take() {
    this.tick();
    const ms = Math.round(this.#ms);
    this.#ms = 0;
    return ms;
  }

  #runs() {
    return this.#inView && document.visibilityState === "visible" && !isIdle();
  }

  #settle() {
    if (this.#since === null) return;
    const until = Math.min(performance.now(), active + IDLE_MS);
    this.#ms += Math.max(0, until - this.#since);
    this.#since = null;
  }
}
