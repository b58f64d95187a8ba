// What a study asks of a comparison, in the card under the answers: which of two is better and by how much, their order, and
// apart from that what each is worth alone. Only what is asked is there, in the order in which it is asked.
//
// Here it is known what is still to be said, which of the steps a digit answers, and where the focus goes; how a format looks
// and what it records is in a module of its own. Where nothing but the best answer is asked, the vote bar is as ever.

import { h } from "../../kit.js";
import { record } from "../../signals.js";
import { canBeJudged, standingWithPlaces } from "../choices.js";
import { Alone } from "./alone.js";
import { binaryRow, nameMarks } from "./binary.js";
import { arrange } from "./buttons.js";
import { critiqueRow } from "./critique.js";
import { Fold } from "./fold.js";
import { Ranking } from "./ranking.js";
import { ratingRow } from "./ratings.js";
import { digitStep, OPEN_ENDED } from "./steps.js";
import { Strength } from "./strength.js";

const HERE = new Set(["strength", "ranking", "ratings", "binary", "critique"]);
const NOTHING = [];
const UNSEEN = "That was not recorded: how much better was not asked yet.";
const POINTS = "Other points take another digit; U takes the choice back.";
const MOST_TOLD = 2; // of what is missing, the others are counted

export class FormatsCard extends EventTarget {
  /**
   * Events: "changed" (redraw), "said" with detail = a sentence, "hint" with one for all to see, "bring" with detail = the position of an answer to be in view.
   * bar: the vote bar; panels: the answers' elements; comparison(): as for votes and acts, with `asks` as the server says it;
   * isMarked(answer): whether passages of it are marked.
   */
  constructor({ bar, panels, votes, acts, comparison, isMarked }) {
    super();
    Object.assign(this, { bar, panels, votes, acts, comparison, isMarked });
    this.box = bar.querySelector(".asked");
    this.strength = new Strength((strength) => this.#weigh(strength), () => this.#hint(UNSEEN));
    this.ranking = new Ranking({
      record: (order) => record("rank", this.comparison().queryId, null, { order }),
      retract: () => this.#retract(),
      changed: (sentence) => {
        this.isRatedLast = false;
        this.#changed();
        this.#say(sentence);
      },
    });
    this.alone = new Alone();
    this.onward = h("div", { class: "onward" }, h("p", { class: "lacking" }));
    this.relative = h("div", { class: "relative", role: "group", "aria-label": "The answers against each other" }, this.strength.element, this.ranking.element);
    this.fold = new Fold(this.box, this.onward.firstChild);
    this.box.append(h("div", { class: "steps" }, this.relative, this.alone.element), this.onward);
    votes.addEventListener("cast", () => this.#voted());
    addEventListener("pagehide", () => this.flush());
    document.addEventListener("focusin", () => !this.box.hidden && this.#point());
  }

  /** A comparison came onto the page: its first snapshot. */
  begin({ asks, ranking }) {
    this.asks = asks;
    this.isMany = asks.formats.some((each) => HERE.has(each)) || !asks.formats.includes("best");
    this.ranking.begin(ranking);
    this.alone.begin(this.#rows(asks));
    this.fold.begin(this.alone.rows.length + ["strength", "ranking"].filter((each) => this.#asks(each)).length);
    this.lastRated = null;
    this.isRatedLast = false;
    arrange(this.bar, { isMany: this.isMany, asksBest: this.#asks("best"), onward: this.onward, tools: this.ranking.tools });
  }

  /** Draw what stands. */
  show() {
    const now = this.comparison();
    this.box.hidden = !now || !this.isMany;
    nameMarks(this.panels, Boolean(now) && this.#asks("binary"));
    if (this.box.hidden) return;
    const { vote } = this.votes;
    const isOver = vote?.choice === "skip";
    this.strength.show(vote, this.#asks("strength") ? this.#best() : null);
    this.ranking.element.hidden = !this.#asks("ranking") || isOver || vote?.choice === "all_bad" || this.#waitsForVote();
    if (this.#asks("ranking")) this.ranking.show(this.#rankable(), { first: this.#best()?.id ?? null, areTied: vote?.choice === "tie" });
    this.relative.hidden = this.strength.element.hidden && this.ranking.element.hidden;
    this.alone.show(isOver ? NOTHING : this.#answers());
    this.onward.querySelector(".lacking").textContent = this.sentence;
    this.onward.toggleAttribute("data-done", this.isDone || isOver);
    const step = this.#digitStep();
    for (const [name, element] of Object.entries({ strength: this.strength.element, ranking: this.ranking.element, ratings: this.alone.element })) {
      const isNew = element.toggleAttribute("data-current", name === step) && step !== this.step;
      if (isNew && name !== "ratings") element.scrollIntoView({ block: "nearest" });
    }
    this.step = step;
    this.#point();
  }

  /** What is still to be said, in the order in which it is asked: [{format, words, focus()}]. */
  missing() {
    const { vote } = this.votes;
    if (!this.isMany || vote?.choice === "skip") return NOTHING;
    const found = [];
    const lacks = (format, words, focus) => words && this.#asks(format) && found.push({ format, words, focus });
    lacks("best", this.#isUndecided() && "which answer is best", () => this.bar.querySelector(".choices button:not(:disabled, [hidden])")?.focus());
    lacks("strength", this.strength.lacking(vote, this.#best()), () => this.strength.focus());
    lacks("ranking", vote?.choice !== "all_bad" && this.ranking.lacking(), () => this.ranking.focus());
    for (const { words, first } of this.alone.lackingWords(this.#answers())) lacks(first.row.kind, words, () => this.#lookAndFocus(first));
    return found;
  }

  /** The same as people are told it. */
  get sentence() {
    if (this.votes.vote?.choice === "skip") return "Skipped.";
    const missing = this.missing();
    if (!missing.length) return this.#isSilent() ? "Say what there is to say, or skip it." : "All is said.";
    const more = missing.length - MOST_TOLD;
    return `Still to say: ${missing.slice(0, MOST_TOLD).map(({ words }) => words).join("; ")}${more > 0 ? `; and ${more} more` : ""}.`;
  }

  /** Whether all is said that was asked, so that it is left behind and not abandoned. */
  get isDone() {
    return Boolean(this.isMany && !this.missing().length && !this.#isSilent());
  }

  /** Whether there is a ranking, which decides as a vote does. */
  get isRanked() {
    return Boolean(this.isMany && this.ranking.recorded);
  }

  /** Put the focus on what is missing, and say what it is; false if nothing is. */
  ask() {
    const [first] = this.missing();
    if (!first) return false;
    this.#say(this.sentence);
    if (first.format !== "best") this.fold.open();
    first.focus();
    return true;
  }

  /** Save what is written and not saved yet. */
  flush() {
    for (const row of this.alone.rows) row.flush?.();
  }

  // --- keys -------------------------------------------------------------------------------------

  /** A digit answers the step that it is time for. False if it says nothing now. */
  digit(number) {
    if (!this.comparison()) return false;
    if (this.votes.vote?.choice === "skip") return this.votes.explain(number);
    const step = this.isMany ? this.#digitStep() : "best";
    if (step !== "best") this.fold.open();
    switch (step) {
      case "best":
        return number <= 3 && this.votes.cast("best", number - 1);
      case "strength":
        return number <= 3 && this.#weigh(number, true);
      case "ranking":
        return this.ranking.place(number - 1) && this.#advance();
      case "ratings": {
        const next = this.#nextRated();
        return Boolean(next) && next.row.digit(next.answer, number);
      }
      default:
        return false;
    }
  }

  tie() {
    if (!this.isMany || (this.#asks("best") && this.#isUndecided())) return this.#asks("best") && this.votes.cast("tie");
    return this.#isRanking() && (this.ranking.tie(), true);
  }

  allBad() {
    return (this.#asks("best") || this.#asks("ranking")) && this.votes.cast("all_bad");
  }

  /** Possible at any time as long as no names were shown. */
  skip() {
    return this.votes.cast("skip", null, this.isMany);
  }

  /** Take back the vote, change one that was made before, or take back the ranking. */
  undo() {
    if (this.votes.standing) return this.votes.back();
    return this.#isRanking() && this.ranking.clear();
  }

  /** Take back what was said last and nothing else: a place in the order, how much better, the choice. Points stay. */
  back() {
    if (!this.isMany) return false;
    if (this.isRatedLast) return this.#hint(POINTS), true;
    if (this.#isRanking() && this.ranking.back()) return true;
    return this.votes.vote?.strength ? this.#weigh(null) : this.undo();
  }

  /** Like or dislike the answer at `position`; without one (-1), where good or bad is asked, the next not judged. */
  judge(act, position) {
    const row = this.alone.rows.find(({ kind }) => kind === "binary");
    const answer = row && this.#answers().find((each) => (position < 0 ? row.lacks(each) : each.positions.includes(position)));
    if (row ? !answer : position < 0) return false;
    this.acts.act(answer?.positions[0] ?? position, act).then(() => answer && !row.lacks(answer) && this.#advance());
    return true;
  }

  /** To the line for words on the answer at `position`, or the first. False if there is none. */
  write(position) {
    if (!this.isMany || !this.#asks("critique")) return false;
    const answers = this.#answers();
    const answer = answers.find(({ positions }) => positions.includes(position)) ?? answers[0];
    if (!answer || this.alone.element.hidden) return false;
    this.fold.open();
    this.dispatchEvent(new CustomEvent("bring", { detail: answer.positions[0] }));
    this.alone.focus("critique", answer);
    return true;
  }

  // --- what is said -----------------------------------------------------------------------------

  #rows({ formats, aspects, reasons }) {
    const marksOf = (answer) => this.acts.marksOf(answer);
    const rate = (answer, aspect, value, byKey) => this.#rate(answer, aspect, value, byKey);
    const judge = (answer, act) => this.acts.act(answer.positions[0], act);
    const rows = {
      ratings: () => aspects.map((aspect) => ratingRow(aspect, { rate, marksOf, goOn: () => this.bar.querySelector("[data-next]").click() })),
      binary: () => [binaryRow({ judge, marksOf })],
      critique: () => [critiqueRow(reasons, { comment: (answer, said) => this.#comment(answer, said), marksOf, leave: () => this.#focusNext() })],
    };
    return formats.flatMap((format) => rows[format]?.() ?? []);
  }

  #rate(answer, aspect, value, byKey = false) {
    this.isRatedLast = true;
    this.lastRated = { answer, row: this.alone.rows.find(({ kind, label }) => kind === "ratings" && label === aspect) };
    const { ratings } = this.acts.marksOf(answer);
    if (ratings[aspect] !== value) {
      this.acts.keep(answer.id, { ratings: { ...ratings, [aspect]: value } });
      record("rate", this.comparison().queryId, answer.id, { aspect, value });
      this.#changed();
    }
    if (byKey) this.#advance(answer);
  }

  /** What a digit outside of the scales rates: the first that is open, of the answer that has the focus if it has one; else the last once more. */
  #nextRated() {
    const open = this.alone.lacking(this.#answers()).filter(({ row }) => row.kind === "ratings");
    const at = this.panels.findIndex((element) => element.contains(document.activeElement));
    return open.find(({ answer }) => answer.positions.includes(at)) ?? open[0] ?? this.lastRated;
  }

  /** What a digit would do now is marked: a scale, where the focus is in none. */
  #point() {
    const isRating = this.step === "ratings" && !document.activeElement?.closest(".points, .reasons, input");
    this.alone.point(isRating ? this.#nextRated() : null);
  }

  #comment(answer, said) {
    this.acts.keep(answer.id, { comment: said.text, tags: said.tags });
    const sent = record("critique", this.comparison().queryId, answer.id, said);
    this.#changed();
    return sent;
  }

  #weigh(strength, byKey = false) {
    this.#hint("");
    this.isRatedLast = false;
    this.votes.weigh(strength);
    this.ranking.again(); // the vote was said after it
    this.#changed();
    if (byKey) this.#advance();
    return true;
  }

  /** A ranking that is complete no more: what was said before it stands again. */
  #retract() {
    if (this.votes.vote) this.votes.again();
    else record("vote", this.comparison().queryId, null, { choice: "withdrawn", best: null, early: false });
  }

  /** A vote, or none any more, takes the place of a ranking; a tie is one in which all share the first place. */
  #voted() {
    if (!this.isMany) return;
    this.isRatedLast = false;
    this.ranking.forget();
    if (this.votes.vote?.choice === "tie" && this.#asks("ranking")) this.ranking.tieAll();
  }

  // --- what is there to be said -------------------------------------------------------------------

  #asks(format) {
    return Boolean(this.asks?.formats.includes(format));
  }

  #best() {
    const id = this.votes.vote?.best;
    return (id && this.#standing().find(({ ids }) => ids.includes(id))) || null;
  }

  #standing() {
    return standingWithPlaces(this.comparison()?.responses ?? NOTHING).filter(({ id }) => id);
  }

  /** The answers that can be judged, equal ones as one. */
  #answers() {
    return this.#standing().filter(canBeJudged);
  }

  #rankable() {
    return this.#standing().filter(({ canWin }) => canWin);
  }

  #isUndecided() {
    return !this.votes.vote && !this.ranking.recorded;
  }

  #isRanking() {
    return Boolean(this.isMany && this.comparison() && !this.ranking.element.hidden);
  }

  /** Where the best answer is asked too, it is said first, and stands first in the ranking. */
  #waitsForVote() {
    return this.#asks("best") && this.#isUndecided();
  }

  /** Whether nothing was said where nothing has to be. */
  #isSilent() {
    if (this.votes.vote || this.asks.formats.some((each) => !OPEN_ENDED.has(each))) return false;
    return this.#answers().every((answer) => {
      const { comment, tags, edited } = this.acts.marksOf(answer);
      return !comment && !tags.length && edited == null && !this.isMarked(answer);
    });
  }

  /** Which of the steps digits answer now. */
  #digitStep() {
    const open = new Set(this.missing().map(({ format }) => format));
    const canRank = !this.ranking.element.hidden;
    return digitStep(this.asks.formats, { choice: this.votes.vote?.choice, isUndecided: this.#isUndecided(), canRank, open });
  }

  // --- where it goes on ---------------------------------------------------------------------------

  /** Something was said by a key: to what is said next, of the answer that is being rated before all others. */
  #advance(rated = null) {
    const [first] = this.missing();
    const beside = rated && this.alone.lacking([rated]).find(({ row }) => row.kind === "ratings");
    if (beside) beside.focus();
    else if (first && ["ratings", "binary"].includes(first.format)) first.focus();
    else this.#focusNext();
    if (first) this.#say(this.sentence);
    return true;
  }

  #focusNext() {
    this.bar.querySelector("[data-next]").focus({ preventScroll: true });
  }

  #lookAndFocus({ answer, focus }) {
    this.dispatchEvent(new CustomEvent("bring", { detail: answer.positions[0] }));
    focus();
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }

  #hint(sentence) {
    this.dispatchEvent(new CustomEvent("hint", { detail: sentence }));
  }

  #say(sentence) {
    this.dispatchEvent(new CustomEvent("said", { detail: sentence }));
  }
}
