// Leaving a comparison that was answered and not voted on, and coming back to it: recorded as "abandon", on and off.
//
// Leaving the page abandons the comparison, a refresh does not: that brings it back. No browser says beforehand which of
// the two it is, and after a tab is closed it is too late to send anything, so leaving is recorded and sent at once, and
// coming back takes it back. Knows nothing of what the comparison holds.

import { isRecording } from "../me.js";
import { outbox, record } from "../signals.js";

const ABANDONED = "rlhb.abandoned"; // in sessionStorage: the comparison that this tab has left, as far as is recorded

export class Leaving {
  /** current(): the comparison on the page, {queryId, completeAt, voted}, or null. */
  constructor(current) {
    this.current = current;
    addEventListener("pagehide", () => {
      this.leave();
      outbox.leave();
    });
    addEventListener("pageshow", () => this.comeBack()); // as it stood, from the browser's own cache
    addEventListener("rlhb:recording", () => this.comeBack()); // known only now, or resumed
    // A phone may end a hidden page without another word.
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && outbox.flush());
  }

  /** It is left behind: by another question, or with the page. */
  leave() {
    const now = this.current();
    if (!now?.queryId || now.voted || !now.completeAt || !isRecording()) return;
    if (sessionStorage.getItem(ABANDONED) === now.queryId) return;
    sessionStorage.setItem(ABANDONED, now.queryId);
    record("abandon", now.queryId, null, {});
  }

  /** It is known that this one was left, on whatever page that was. */
  wasLeft(queryId) {
    sessionStorage.setItem(ABANDONED, queryId);
  }

  /** What was left is on this tab again: it is not abandoned after all. */
  comeBack() {
    const queryId = this.current()?.queryId;
    if (!queryId || sessionStorage.getItem(ABANDONED) !== queryId || !isRecording()) return;
    sessionStorage.removeItem(ABANDONED);
    record("abandon", queryId, null, { on: false });
  }
}
