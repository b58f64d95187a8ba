// The vote bar: choosing, what was recorded, undo within ten seconds, an optional reason.
//
// A vote is possible at any time, also while answers are still being written (it is then marked early). It goes through
// the outbox, so it survives a lost connection; the names are shown once the server has acknowledged it. What may be
// chosen is said in `choices.js`. After a choice the focus is where Enter and Space take nothing back.

import { h } from "../kit.js";
import { areNamesSeen, record } from "../signals.js";
import { areAllSame, bestWords, standing, whyNotBest, whyNoTie } from "./choices.js";

const UNDO_S = 10;
const REASONS = {
  best: ["correct", "complete", "clear", "kind", "to the point"],
  all_bad: ["wrong", "incomplete", "unclear", "unkind", "off the point"],
  skip: ["cannot judge", "unclear question", "not my language", "upsetting"],
};
const HINTS = {
  named: "You have seen the names: what you choose now is kept, but does not count as a blind choice.",
  same: "No answer here is better than another: is it good or bad?",
};
const SAID = { tie: "Tie", all_bad: "All bad", skip: "Skipped" };

export class Votes extends EventTarget {
  /**
   * Events: "casting" just before a vote is recorded; "cast" at once, also when one is taken back or was refused; "voted"
   * and "withdrawn" once the server has acknowledged; "undone" with detail = the vote that was taken back, "changing" with
   * detail = the one that another may take the place of; "next".
   * comparison(): {queryId, staysBlind, asks, responses: [{id, letters, status, canWin, text, place, complete}]} as it
   * stands, or null.
   */
  constructor(bar, comparison) {
    super();
    this.bar = bar;
    this.comparison = comparison;
    this.vote = null; // {choice, best, early, strength, acknowledged}
    this.undoUntil = 0;
    this.tags = new Set();
    bar.addEventListener("click", (event) => this.#clicked(event.target.closest("button"), event.detail));
    bar.addEventListener("keydown", (event) => event.repeat && event.key === "Enter" && event.preventDefault());
    addEventListener("pagehide", () => this.#sendReasons());
    setInterval(() => this.#countdown(), 250);
    this.show(null);
  }

  /** A comparison came onto the page, with the vote that the server knows of, if any. */
  begin(vote) {
    this.resume(vote?.choice ? { ...vote, acknowledged: true } : null);
  }

  /** An earlier comparison came back, with what `vote` was then. */
  resume(vote) {
    this.#sendReasons();
    this.undoUntil = 0;
    this.refusal = "";
    this.kept = null; // the vote that is being changed
    this.tags.clear();
    this.vote = vote;
    this.show(this.comparison());
  }

  /**
   * Vote for the panel at `position` (0 the leftmost), or with choice "tie", "all_bad", "skip".
   * isAnew: also in place of another vote, as long as no names were shown.
   */
  async cast(choice, position = null, isAnew = false) {
    const now = this.comparison();
    if (!now || (this.vote && !(isAnew && now.staysBlind && this.vote.choice !== choice))) return;
    const best = choice === "best" ? now.responses[now.responses[position]?.place] : null;
    this.refusal = choice === "best" && !best?.id ? `There is no answer ${"ABC"[position]} to choose, or not yet.` : whyNot(choice, best, now.responses);
    if (this.refusal) return this.show(now);
    this.dispatchEvent(new Event("casting"));
    const early = now.responses.some((response) => !response.complete);
    const vote = { choice, best: best?.id ?? null, early, named: areNamesSeen(now.queryId), acknowledged: false };
    const before = this.kept;
    this.kept = null;
    this.vote = vote;
    this.undoUntil = before ? 0 : Infinity; // ten seconds from when the names are shown; one that was changed can be changed again
    const sent = record("vote", now.queryId, null, { choice, best: vote.best, early });
    this.show(now);
    this.dispatchEvent(new Event("cast"));
    this.bar.querySelector("[data-next]").focus({ preventScroll: true });
    await this.#acknowledged(sent, now.queryId, vote, "voted", before);
  }

  /** Say how much better the chosen answer is, from 1 to 3; null takes that back. */
  weigh(strength) {
    if (this.vote?.choice !== "best" || this.vote.strength === strength) return;
    this.vote.strength = strength;
    this.again();
  }

  /** Say the vote as it stands once more: the last that was said counts. */
  again() {
    const { choice, best, early, strength, reason } = this.vote;
    const more = { ...(strength && { strength }), ...(reason && { reason }) };
    record("vote", this.comparison().queryId, null, { choice, best, early, ...more });
  }

  /** What should be known before choosing; "" if nothing. */
  get hint() {
    return this.bar.querySelector(".hint").textContent;
  }

  /** Whether the vote can be taken back. */
  get undoable() {
    return Boolean(this.vote && this.comparison() && performance.now() <= this.undoUntil);
  }

  /** The vote that stands, also while another choice is being made in its place; null if there is none. */
  get standing() {
    return this.vote ?? this.kept;
  }

  /** Whether another choice can be made in place of this one: it stands until then. */
  get changeable() {
    return Boolean(this.vote?.acknowledged && this.comparison() && !this.undoable);
  }

  /** Choose anew. Nothing is taken back: the next vote is one more, and the old one stands if there is none. */
  change() {
    if (!this.changeable) return;
    this.kept = this.vote;
    this.vote = null;
    this.tags.clear();
    this.#redraw();
    this.dispatchEvent(new CustomEvent("changing", { detail: this.kept }));
  }

  /** Leave the choice as it was. */
  keep() {
    if (!this.kept) return;
    this.vote = this.kept;
    this.kept = null;
    this.#redraw();
    this.bar.querySelector("[data-next]").focus({ preventScroll: true });
  }

  /** What U does: take the vote back while that lasts; later choose anew, or leave it as it was after all. */
  back() {
    if (this.undoable) this.undo();
    else if (this.kept) this.keep();
    else this.change();
  }

  #redraw() {
    this.show(this.comparison());
    this.dispatchEvent(new Event("cast"));
  }

  /** Until when it can be taken back: for ten seconds, or as long as it is in view where no names are shown. */
  #undoLasts(until) {
    return this.comparison()?.staysBlind ? Infinity : until;
  }

  /** Take the vote back, while that is possible. */
  async undo() {
    if (!this.undoable) return;
    const now = this.comparison();
    const before = this.vote;
    this.vote = null;
    this.tags.clear();
    this.undoUntil = 0;
    const sent = record("vote", now.queryId, null, { choice: "withdrawn", best: null, early: false });
    this.show(now);
    this.dispatchEvent(new Event("cast"));
    this.dispatchEvent(new CustomEvent("undone", { detail: before }));
    await this.#acknowledged(sent, now.queryId, null, "withdrawn");
  }

  async #acknowledged(sent, queryId, vote, event, before = null) {
    try {
      await sent;
    } catch (error) {
      if (this.vote === vote) this.vote = before;
      this.refusal = `The vote was not taken: ${error.message}`;
      this.show(this.comparison());
      this.dispatchEvent(new Event("cast"));
      return;
    }
    if (this.comparison()?.queryId !== queryId || this.vote !== vote) return;
    if (vote) {
      vote.acknowledged = true;
      if (this.undoUntil === Infinity) this.undoUntil = this.#undoLasts(performance.now() + UNDO_S * 1000);
    }
    this.show(this.comparison());
    this.dispatchEvent(new Event(event));
  }

  #clicked(button, clicks) {
    // The second click of a double one is meant for what stood under the pointer before the first.
    if (clicks > 1 && button !== this.clicked) return;
    this.clicked = button;
    if (!button) return;
    if (button.dataset.choice) this.cast(button.dataset.choice, Number(button.dataset.position ?? 0), button.dataset.choice === "skip");
    else if ("undo" in button.dataset) this.undo();
    else if ("change" in button.dataset) this.change();
    else if ("keep" in button.dataset) this.keep();
    else if ("next" in button.dataset) this.dispatchEvent(new Event("next"));
    else if (button.dataset.reason) this.#reason(button);
  }

  #reason(button) {
    const on = button.getAttribute("aria-pressed") !== "true";
    if (this.vote?.choice === "skip") return this.#skipReason(on ? button.dataset.reason : "");
    button.setAttribute("aria-pressed", String(on));
    this.tags[on ? "add" : "delete"](button.dataset.reason);
    this.reasonsAbout = { queryId: this.comparison().queryId, ids: this.#reasonTargets() };
    clearTimeout(this.reasonTimer);
    this.reasonTimer = setTimeout(() => this.#sendReasons(), 1200);
  }

  /** Of an item that was skipped, the reason with this number is the one; said again, it is none. False if there is none. */
  explain(number) {
    const button = this.vote?.choice === "skip" && this.bar.querySelectorAll("[data-reason]")[number - 1];
    if (button) this.#reason(button);
    return Boolean(button);
  }

  /** Why it is skipped is about the comparison, and one reason is enough. */
  #skipReason(reason) {
    this.vote.reason = reason;
    this.again();
    this.show(this.comparison());
  }

  /** A reason is about the chosen answer; "all bad" is about each of them. */
  #reasonTargets() {
    if (this.vote?.choice === "best") return [this.vote.best];
    return standing(this.comparison().responses).map((response) => response.id);
  }

  #sendReasons() {
    clearTimeout(this.reasonTimer);
    const about = this.reasonsAbout;
    this.reasonsAbout = null;
    if (!about) return;
    for (const id of about.ids) record("critique", about.queryId, id, { text: "", tags: [...this.tags] });
  }

  /** A query is on its way: the bar keeps its place, but there is nothing to choose yet. */
  wait() {
    this.show(null);
    this.bar.hidden = false;
  }

  /** Draw the bar for what stands on the page. */
  show(now) {
    const { bar, vote } = this;
    bar.hidden = !now;
    bar.querySelector(".choices").hidden = Boolean(vote) || now?.asks.formats.includes("best") === false;
    bar.querySelector(".result").hidden = !vote;
    bar.querySelector(".refusal").textContent = this.refusal ?? "";
    this.#offer(now?.responses ?? []);
    bar.querySelector(".hint").textContent = now && !vote ? hintOf(now) : "";
    bar.querySelector(".kept").hidden = !now || !this.kept;
    bar.querySelector(".kept b").textContent = this.kept ? saidOf(this.kept, now?.responses ?? []) : "";
    if (!vote) return;
    bar.querySelector(".said b").textContent = saidOf(vote, now?.responses ?? []);
    bar.querySelector("[data-verb]").textContent = vote.acknowledged ? "Recorded:" : "Chosen:";
    bar.querySelector(".early").hidden = !vote.early;
    bar.querySelector(".named").hidden = !vote.named;
    bar.querySelector(".saved").hidden = vote.acknowledged;
    bar.querySelector(".saved .names-appear").hidden = Boolean(now?.staysBlind);
    const isSaidBelow = vote.choice !== "skip" && now?.asks.formats.includes("critique"); // of each answer
    const reasons = vote.choice in REASONS && !isSaidBelow ? REASONS[vote.choice] : [];
    bar.querySelector(".why").hidden = !reasons.length;
    const shown = [...bar.querySelectorAll("[data-reason]")].map((button) => button.dataset.reason).join();
    if (shown !== reasons.join()) bar.querySelector(".why").replaceChildren(...chips(reasons, vote.choice === "skip"));
    for (const button of bar.querySelectorAll("[data-reason]")) {
      const { reason } = button.dataset;
      button.setAttribute("aria-pressed", String(vote.choice === "skip" ? vote.reason === reason : this.tags.has(reason)));
    }
    this.#countdown();
  }

  /** The buttons: what can be chosen, and in their titles why the others cannot. */
  #offer(responses) {
    for (const button of this.bar.querySelectorAll("[data-choice]")) {
      const { choice, position } = button.dataset;
      const response = responses[position ?? 0];
      const reason = response?.id ? whyNot(choice, response, responses) : "";
      button.disabled = !response?.id || Boolean(reason);
      button.title = reason;
      if (choice !== "best") continue;
      button.hidden = responses.length ? response?.place !== Number(position) : false;
      const [who, what] = response ? bestWords(response, responses) : [button.dataset.letter, " is best"];
      button.querySelector("b").textContent = who;
      button.querySelector(".word").textContent = what;
    }
  }

  #countdown() {
    const undo = this.bar.querySelector("[data-undo]");
    const left = Math.ceil((this.undoUntil - performance.now()) / 1000);
    if (left <= 0 && document.activeElement === undo) this.bar.querySelector("[data-next]").focus({ preventScroll: true });
    undo.hidden = left <= 0;
    this.bar.querySelector("[data-change]").hidden = !this.changeable;
    const text = left === Infinity ? "Undo" : `Undo (${left} s)`;
    if (left > 0 && undo.firstChild.data !== text) undo.firstChild.data = text;
  }
}

/** What was chosen, in words. */
function saidOf({ choice, best }, responses) {
  const chosen = responses[responses.find((response) => response.id === best)?.place];
  return chosen ? bestWords(chosen, responses).join("") : SAID[choice];
}

function whyNot(choice, response, responses) {
  if (choice === "best") return whyNotBest(response);
  return choice === "tie" ? whyNoTie(responses) : "";
}

function hintOf({ queryId, responses }) {
  if (areNamesSeen(queryId)) return HINTS.named;
  return areAllSame(responses) ? HINTS.same : "";
}

function chips(reasons, haveKeys) {
  const label = document.createElement("span");
  label.textContent = "Why?";
  const chip = (reason, index) => {
    const key = haveKeys ? String(index + 1) : null;
    return h("button", { type: "button", class: "chip", "data-reason": reason, "aria-pressed": "false", "aria-keyshortcuts": key }, reason, key && h("kbd", {}, key));
  };
  return [label, ...reasons.map(chip)];
}
