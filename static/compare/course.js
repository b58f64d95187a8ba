// What comes into view after what: in a study the next item, once all is said of this one; and earlier comparisons, to go
// back to. Knows what was said by what votes and formats tell; not how a comparison is drawn, nor how it arrives.

import { call } from "../api.js";
import { ago } from "../kit.js";
import { allTold } from "../signals.js";
import { OPEN_ENDED } from "./formats/steps.js";

const IN_ONE_GO_MS = 700; // between two keys of one thought
const TOO_EARLY = "That was not recorded: the next item was still on its way.";
const ONWARD_MS = 900; // from the last word until the next item comes by itself

export class Course {
  /**
   * parts: {root, desk, guidelines, votes, formats, acts, tracker, composer, leaving, notices} of the page; desk: null where no study
   * is worked through.
   * page: now(): what is in view, {queryId, text, ...}, or null; isAsking(): whether a question is on its way; show(view);
   * showNothing(phase): no comparison, for a reason that the style sheet knows; allSent(): resolves once what a page before has left behind is sent;
   * bring(position): an answer is to be in view.
   */
  constructor({ root, desk, guidelines, votes, formats, acts, tracker, composer, leaving, notices }, page) {
    Object.assign(this, { desk, guidelines, votes, formats, acts, tracker, composer, leaving, notices, page });
    this.line = root.querySelector("[data-of-earlier]");
    this.back = this.line.querySelector("button");
    this.back.addEventListener("click", () => this.#toPresent());
    this.earlier = null; // the line of the list that was chosen last
    this.lastTooEarly = -Infinity;
    this.present = null; // the id of what was in view before it
  }

  /** What was in view before. */
  async first() {
    await this.page.allSent();
    this.#nextItem();
  }

  /** What the key and the button say: the next item, or a question. */
  next() {
    if (!this.desk) {
      this.#tellsOfEdit(); // and goes on: nothing is left behind yet
      this.composer.focus();
    } else if (!this.#isSaid() || !this.#tellsOfEdit()) this.#nextItem();
  }

  /**
   * Say of an edit that was begun and is not saved that it is; false if there is none, or if it was said already and time
   * enough to read it has passed.
   */
  #tellsOfEdit() {
    const { begun } = this.acts;
    if (!begun.length) return false;
    const what = JSON.stringify([this.page.now()?.queryId, begun]);
    if (what === this.told?.what && this.notices.isHinted) return performance.now() - this.told.at < IN_ONE_GO_MS;
    this.told = { what, at: performance.now() };
    const letters = begun.map(({ letter }) => letter).join(" and ");
    this.page.bring(begun[0].position);
    const how = this.desk ? "Save it, or go on once more: it is kept as it is" : "If you ask something else it is kept as it is";
    this.notices.hint(`You began an edit of ${letters} and have not saved it. ${how}, and Earlier leads back to it.`);
    return true;
  }

  /** Whether all is said and the next item is on its way: a key that comes now was meant for that one. */
  get isGoingOn() {
    return Boolean(this.coming) && this.#isSaid();
  }

  #isSaid() {
    return this.formats.isMany ? this.formats.isDone : Boolean(this.votes.vote);
  }

  /**
   * Whether a digit comes too early: the next item is on its way. Those typed in one go with it meant that one too, and are
   * refused with it, and with a word; else the second of two would be taken for the first.
   */
  isTooEarly() {
    const now = performance.now();
    const isEarly = this.isGoingOn || now - this.lastTooEarly < IN_ONE_GO_MS;
    if (!isEarly) return false;
    this.lastTooEarly = now;
    this.notices.hint(TOO_EARLY);
    return true;
  }

  /** If that is wished, the next item comes once all is said of this one, after a moment in which it can be taken back. */
  goOnByItself() {
    clearTimeout(this.onward);
    if (!this.desk?.goesOnByItself || !this.#isSettled()) return;
    const now = this.page.now();
    this.onward = setTimeout(() => {
      if (this.page.now() !== now || !this.#isSettled()) return;
      if (this.acts.begun.length) this.#tellsOfEdit(); // and stay, however often it was told
      else this.next();
    }, ONWARD_MS);
  }

  /** An earlier comparison comes into view again, as it stands. */
  async goBack(line) {
    const { query_id: queryId, left } = line;
    const now = this.page.now();
    const isEarlier = this.isEarlier;
    if (this.page.isAsking() || this.coming || queryId === now?.queryId) return;
    this.coming = true;
    this.tracker.settle();
    this.notices.hint("");
    try {
      const view = await call("GET", `/api/comparisons/${queryId}?blocks=true`);
      this.notices.trouble("");
      this.desk ? this.desk.aside() : this.leaving.leave();
      if (!isEarlier) this.present = now?.queryId ?? null;
      this.earlier = queryId === this.present ? null : line;
      if (!this.desk && this.composer.text.trim() === (now?.text ?? "").trim()) this.composer.text = view.query;
      if (left) this.leaving.wasLeft(queryId);
      this.page.show(view);
    } catch (error) {
      this.notices.trouble(error.message);
    } finally {
      this.coming = false;
    }
  }

  /** Whether what is in view was gone back to. */
  get isEarlier() {
    return Boolean(this.earlier) && this.page.now()?.queryId === this.earlier.query_id;
  }

  /** Say so, if it is, and how one comes back. */
  show() {
    this.line.hidden = !this.isEarlier;
    if (this.line.hidden) return;
    this.line.querySelector("span").textContent = `This is an earlier ${this.desk ? "item, shown" : "question, asked"} ${ago(this.earlier.asked_ms)}. What you said of it stands until you say something else.`;
    this.back.hidden = !this.desk && !this.present;
  }

  #toPresent() {
    if (this.desk) this.next();
    else this.goBack({ query_id: this.present });
  }

  /** Whether all is said, and there is nothing more that somebody may want to say; whoever skips it may say why. */
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
      if (!task.view) this.page.showNothing("done");
      else if (task.query_id === this.page.now()?.queryId) this.#isNotDone();
      else {
        if (this.desk.isNew(task)) await this.#readGuidelines(task);
        this.page.show(task.view);
      }
    } catch (error) {
      this.notices.trouble(error.message);
    } finally {
      this.coming = false;
    }
  }

  /** Before the first item, and whenever others hold. */
  async #readGuidelines(task) {
    this.page.showNothing("guidelines");
    await this.guidelines.read(task.done + task.skipped > 0);
    this.desk.begin(task);
  }

  #isNotDone() {
    if (this.formats.ask()) return;
    this.notices.hint(this.formats.isMany ? `This one is not done yet. ${this.formats.sentence}` : "This one is not done yet: choose, or skip it.");
  }
}
