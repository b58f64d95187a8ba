// What comes into view after what: in a study the next item, once all is said of this one; and earlier comparisons, to go
// back to. Knows what was said by what votes and formats tell; not how a comparison is drawn, nor how it arrives.

import { call } from "../api.js";
import { allTold } from "../signals.js";

const ONWARD_MS = 900; // from the last word until the next item comes by itself
const OPEN_ENDED = new Set(["critique", "passages", "edit"]); // who has nothing to say says nothing

export class Course {
  /**
   * parts: {desk, votes, formats, tracker, composer, leaving, notices} of the page; desk: null where no study is worked through.
   * page: now(): what is in view, {queryId, text, ...}, or null; isAsking(): whether a question is on its way; show(view);
   * showNothing(): there is nothing to do; allSent(): resolves once what a page before has left behind is sent.
   */
  constructor({ desk, votes, formats, tracker, composer, leaving, notices }, page) {
    Object.assign(this, { desk, votes, formats, tracker, composer, leaving, notices, page });
  }

  /** What was in view before. */
  async first() {
    await this.page.allSent();
    this.#nextItem();
  }

  /** What the key and the button say: the next item, or a question. */
  next() {
    if (this.desk) this.#nextItem();
    else this.composer.focus();
  }

  /** If that is wished, the next item comes once all is said of this one, after a moment in which it can be taken back. */
  goOnByItself() {
    clearTimeout(this.onward);
    if (!this.desk?.goesOnByItself || !this.#isSettled()) return;
    const now = this.page.now();
    this.onward = setTimeout(() => this.page.now() === now && this.#isSettled() && this.next(), ONWARD_MS);
  }

  /** An earlier comparison comes into view again, as it stands. */
  async goBack({ query_id: queryId, left }) {
    const now = this.page.now();
    if (this.page.isAsking() || this.coming || queryId === now?.queryId) return;
    this.coming = true;
    this.tracker.settle();
    this.notices.hint("");
    try {
      const view = await call("GET", `/api/comparisons/${queryId}?blocks=true`);
      this.notices.trouble("");
      this.desk ? this.desk.aside() : this.leaving.leave();
      if (this.composer.text.trim() === (now?.text ?? "").trim()) this.composer.text = view.query;
      if (left) this.leaving.wasLeft(queryId);
      this.page.show(view);
    } catch (error) {
      this.notices.trouble(error.message);
    } finally {
      this.coming = false;
    }
  }

  /** Whether all is said, and there is nothing more that somebody may want to say; whoever passes it over may say why. */
  #isSettled() {
    const { vote } = this.votes;
    if (vote?.choice === "skip" || this.formats.asks?.formats.some((each) => OPEN_ENDED.has(each))) return false;
    return this.formats.isMany ? this.formats.isDone : Boolean(vote?.acknowledged);
  }

  /** The next item of the study; the one in view, as long as it is not ended. */
  async #nextItem() {
    if (this.coming) return void (this.wanted = true); // it may have been asked for once more, with all said by then
    this.coming = true;
    this.tracker.settle();
    this.notices.hint("");
    try {
      let task;
      do {
        this.wanted = false;
        this.formats.flush();
        await allTold();
        task = await this.desk.next();
      } while (this.wanted && task.view && task.query_id === this.page.now()?.queryId);
      this.notices.trouble("");
      if (!task.view) this.page.showNothing();
      else if (task.query_id === this.page.now()?.queryId) this.#isNotDone();
      else this.page.show(task.view);
    } catch (error) {
      this.notices.trouble(error.message);
    } finally {
      this.coming = false;
    }
  }

  #isNotDone() {
    if (this.formats.ask()) return;
    this.notices.hint(this.formats.isMany ? `This one is not done yet. ${this.formats.sentence}` : "This one is not done yet: choose, or skip it.");
  }
}
