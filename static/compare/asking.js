// Asking what one likes: a question on its way until its first answer is there, what happens if it does not get there, and
// what this tab showed before, brought back. Knows the page that it asks for; nothing of what is drawn once answers come.

import { call } from "../api.js";
import { SHOWN } from "../drafts.js";
import { isMember, isSignedOut, lookWhoThisIs, refreshPerson } from "../me.js";
import { outbox } from "../signals.js";

const PATIENCE = 12; // silences after asking, until it is asked for another try; a store that is busy takes shorter
const LEFT_BEHIND_MS = 3_000; // for what the page before has left behind to be sent

const NOT_ASKED = "The server cannot be reached, so this was not asked. Press Ask again when the connection is back.";
const UNASKED = { 0: NOT_ASKED, 401: "You are signed out, so this was not asked. Sign in, and press Ask again." };

/** Until what a page before has left behind is sent, but not for ever. */
export const leftBehind = () => soon(outbox.adopted);

/** Until this is done, but not for ever. */
export const soon = (sent) => Promise.race([sent, new Promise((resolve) => setTimeout(resolve, LEFT_BEHIND_MS))]);

export class Asking {
  /** page: the page, with what is in view (`now`), `begin(fields)`, `draw()` and its parts. */
  constructor(page) {
    this.page = page;
    this.isOn = false; // a question is on its way
    this.isRestoring = false;
    this.before = null; // the comparison that a new question follows
    this.missed = null; // the question that was given up for lost
  }

  async ask({ text, sampled }) {
    const { page } = this;
    if (this.isOn) return;
    this.missed = null;
    if (!navigator.onLine) return page.notices.trouble(NOT_ASKED);
    if (isSignedOut() && !(await this.#isBack())) return;
    page.leaving.leave();
    page.tracker.settle();
    this.#follow();
    const goesOn = sampled ? {} : page.thread.goesOn;
    const known = this.before && goesOn.follows ? soon(outbox.flush()) : null;
    page.begin({ text, sampled, queryId: null, goesOn: Boolean(goesOn.follows) });
    this.isOn = true;
    page.composer.busy = true;
    page.root.dataset.phase = "asked";
    page.panels.wait();
    page.question.show("");
    page.thread.wait();
    page.step.hide();
    page.votes.wait();
    page.acts.show();
    page.notices.say("");
    page.notices.hint("");
    page.notices.trouble("");
    const { now } = page;
    if (known) await known; // what was chosen and edited is what is gone on with
    page.gradio.ask({ token: now.token, text, previous: this.before?.queryId ?? null, ...goesOn });
    if (isMember()) this.#checkWhoAsks(now);
  }

  /** Bring back what this tab showed; first what its page before has left behind is sent, for a vote may be among it. */
  async restore() {
    const { page } = this;
    const kept = JSON.parse(sessionStorage.getItem(SHOWN) ?? "null");
    page.begin({ text: kept?.text ?? "", sampled: kept?.sampled ?? true, queryId: kept?.queryId ?? null });
    this.isRestoring = true;
    const { token } = page.now;
    if (kept) await leftBehind();
    if (page.now?.token !== token || page.now.view) return; // they have asked meanwhile
    page.now.heardAt = performance.now();
    page.gradio.restore({ token, query_id: kept?.queryId ?? null });
  }

  /** A snapshot has come: a question that was given up for lost was asked after all, and goes on where it stopped. */
  look(value) {
    if (!value?.view || value.token !== this.missed?.token || this.isOn) return;
    this.page.leaving.leave();
    this.#follow();
    this.page.now = this.missed;
    this.missed = null;
    this.isOn = true;
    this.page.notices.trouble("");
  }

  /** The first snapshot of what is in view is there. */
  arrived(now) {
    const { page } = this;
    if (this.isOn && this.before && !now.sampled) page.step.take(this.before, now);
    if (this.isOn) refreshPerson(); // one more today
    if (this.isRestoring && !page.composer.text.trim()) page.composer.text = now.text;
    this.#end();
  }

  /** There is nothing to bring back. */
  foundNothing() {
    const { page } = this;
    this.isRestoring = false;
    page.step.hide();
    page.now = null;
    sessionStorage.removeItem(SHOWN);
    page.draw();
    if (matchMedia("(pointer: fine)").matches && document.activeElement === document.body) page.composer.focus();
  }

  /** It was not asked: what was in view before it is again. */
  failed(sentence) {
    const { page } = this;
    page.notices.trouble(sentence);
    this.#end();
    if (!page.now.view) {
      page.now = this.before;
      page.votes.resume(page.now?.vote ?? null);
      page.leaving.comeBack();
    }
    page.draw();
  }

  /** Nothing was heard of the question for a while. Throws ApiError if the server is not there, or does not know who asks. */
  async wait(now) {
    await (isMember() ? lookWhoThisIs() : call("GET", "/api/health"));
    now.waits = (now.waits ?? 0) + 1;
    if (now.waits <= PATIENCE) return;
    this.missed = now;
    this.failed("The answers are slow to start. Press Ask to try once more.");
  }

  /** Whether an error says that the question on its way cannot have been asked; the page says so then. */
  refused(error) {
    const isRefused = this.isOn && error.status in UNASKED;
    if (isRefused) this.failed(UNASKED[error.status]);
    return isRefused;
  }

  /** What is in view is what the next question follows. */
  #follow() {
    const { now, votes } = this.page;
    if (now?.queryId) this.before = { ...now, vote: votes.standing };
  }

  #end() {
    this.isOn = this.isRestoring = false;
    this.page.composer.busy = false;
  }

  /** Whether somebody is signed in after all; if not, the page says that nothing was asked. */
  async #isBack() {
    try {
      await lookWhoThisIs();
      return !this.isOn;
    } catch (error) {
      this.page.notices.trouble(UNASKED[error.status] ?? error.message);
      return false;
    }
  }

  /** Gradio does not tell the page that it was refused: nobody is signed in any more, or somebody else. */
  async #checkWhoAsks(now) {
    try {
      await lookWhoThisIs();
    } catch (error) {
      if (error.status === 401 && this.isOn && this.page.now === now) this.failed(UNASKED[401]);
    }
  }
}
