// The Compare page: connects the composer, the panels, the vote bar, the acts, the tracker and the keys.
//
// Snapshots come over Gradio (`app/ui/compare.py` streams them) as {token, view, error}; the token is made here, so that
// a late stream of an earlier query is told apart. The page itself (HTML) is laid out in `compare_layout.py`.

import { call } from "../api.js";
import { fetchDrafts, SHOWN } from "../drafts.js";
import { labelKeys } from "../keymap.js";
import { isMember, isWorker, known, refreshPerson } from "../me.js";
import { placePopovers } from "../popovers.js";
import { namesSeen } from "../signals.js";
import { Tracker } from "../tracker.js";
import { uuid } from "../uuid.js";
import { Acts } from "./acts.js";
import { showAsked } from "./asked.js";
import { Asking, leftBehind, soon } from "./asking.js";
import { Breaks } from "./breaks.js";
import { Composer } from "./composer.js";
import { Course } from "./course.js";
import { Desk } from "./desk.js";
import { Differs } from "./differs.js";
import { Earlier } from "./earlier.js";
import { Edits } from "./edits.js";
import { placesOf } from "./folds.js";
import { FormatsCard } from "./formats/card.js";
import { Guidelines } from "./guidelines.js";
import { Inside } from "./inside.js";
import { Leaving } from "./leaving.js";
import { Notices } from "./notices.js";
import { Pager } from "./pager.js";
import { Panels } from "./panels.js";
import { Passages } from "./passages.js";
import { Question } from "./question.js";
import { Rekey } from "./rekey.js";
import { Room } from "./room.js";
import { scrollByKeys, scrollTogether } from "./scrolling.js";
import { depthOf } from "./seen.js";
import { bindShortcuts } from "./shortcuts.js";
import { sourceText } from "./source.js";
import { blend, foldsOf, responsesOf, saying } from "./standing.js";
import { Step } from "./step.js";
import { Switches } from "./switches.js";
import { Thread } from "./thread.js";
import { Votes } from "./votes.js";

const SILENCE_MS = 4_000; // without a snapshot for so long, the API is asked instead

/**
 * Bring the page to life. root: the element laid out by compare_layout.py.
 * gradio: {watch(callback), ask(data), restore(data), regenerate(data), carryOn(data)}.
 */
export function mount(root, gradio) {
  if (!root.dataset.live) new Compare(root, gradio);
  root.dataset.live = "yes";
}

class Compare {
  constructor(root, gradio) {
    this.root = root;
    this.gradio = gradio;
    this.notices = new Notices(root);
    this.instead = null; // why no comparison is in view, if there is a reason to name: a phase
    this.now = null; // {token, queryId, text, sampled, view, completeAt}
    const responses = () => this.#comparison();
    const fetched = soon(fetchDrafts());
    this.composer = new Composer(root.querySelector(".composer"), fetched, isMember() ? known : null);
    this.switches = new Switches(root);
    this.panels = new Panels(root, () => this.switches.isOn("raw"));
    this.votes = new Votes(root.querySelector(".vote"), responses);
    this.acts = new Acts(this.panels.elements, responses);
    const editOf = (id) => this.acts.editOf(id);
    const takeBack = (position) => this.acts.act(position, "take-back");
    const begunOf = (answer) => this.acts.begunOf(answer);
    const drop = (position) => this.acts.dropEdit(position);
    this.edits = new Edits(this.panels.elements, { comparison: responses, editOf, takeBack, begunOf, drop });
    this.passages = new Passages(this.panels.elements, root.querySelector(".marker"), {
      comparison: responses,
      editOf,
      reasons: () => this.now?.view?.asks?.reasons,
    });
    this.passages.addEventListener("said", (event) => this.notices.say(event.detail));
    this.passages.addEventListener("closed", () => this.draw());
    this.acts.addEventListener("mark", (event) => this.passages.begin(event.detail));
    this.formats = new FormatsCard({ bar: this.votes.bar, panels: this.panels.elements, votes: this.votes, acts: this.acts, comparison: responses, isMarked: (answer) => this.passages.has(answer) });
    this.tracker = new Tracker(this.panels.elements, {
      bottom: () => this.#visibleBottom(),
      depthOf,
      selectedIn: (text) => sourceText(getSelection(), text),
    });
    this.question = new Question(root.querySelector(".question"), root.querySelector(".query"));
    const opener = root.querySelector("[data-differs]");
    this.differs = new Differs(root.querySelector(".differs"), opener, () => saying(responses()?.responses ?? []));
    const texts = this.panels.elements.map((element) => element.querySelector(".text"));
    this.inside = new Inside(texts, root.querySelector(".leads-out"), root.querySelectorAll(".thread .turns"));
    this.inside.addEventListener("said", (event) => this.notices.say(event.detail));
    this.switches.addEventListener("raw", () => this.draw());
    const bodies = this.panels.elements.map((element) => element.querySelector(".body"));
    this.panels.elements.forEach((element, position) => scrollByKeys(element, bodies[position]));
    scrollTogether(bodies, () => this.switches.isOn("linked"));
    this.thread = new Thread(root, this.panels.elements);
    this.step = new Step(root.querySelector(".sequel"));
    this.step.addEventListener("said", (event) => this.notices.say(event.detail));
    new Room(root);
    this.asking = new Asking(this);
    this.composer.addEventListener("ask", (event) => this.asking.ask(event.detail));
    this.composer.addEventListener("undo", (event) => this.#undoFromComposer(event));
    root.querySelector(".query").addEventListener("input", () => this.notices.hint(""));
    this.composer.addEventListener("again", () => this.notices.hint("Type another question, or press Ask to ask this one again."));
    this.votes.addEventListener("casting", () => this.tracker.settle());
    this.votes.addEventListener("cast", () => this.draw());
    this.votes.addEventListener("undone", (event) => this.#focusAnswer(event.detail.best));
    this.votes.addEventListener("changing", (event) => this.#focusAnswer(event.detail.best));
    this.votes.addEventListener("voted", () => {
      this.#revealed();
      this.course.goOnByItself();
    });
    this.votes.addEventListener("withdrawn", () => this.#revealed());
    this.votes.addEventListener("next", () => this.course.next());
    this.acts.addEventListener("edited", () => this.draw());
    this.acts.addEventListener("marked", () => this.draw());
    this.formats.addEventListener("changed", () => {
      this.draw();
      this.course.goOnByItself();
    });
    this.formats.addEventListener("said", (event) => this.notices.say(event.detail));
    this.formats.addEventListener("hint", (event) => this.notices.hint(event.detail));
    this.formats.addEventListener("bring", (event) => this.pager.show(this.panels.elements[event.detail]));
    this.acts.addEventListener("regenerate", (event) => this.#regenerate(event.detail));
    this.acts.addEventListener("continue", (event) => this.#carryOn(event.detail));
    this.acts.addEventListener("said", (event) => this.notices.say(event.detail));
    this.leaving = new Leaving(() => this.now && { ...this.now, voted: this.#isDecided() || this.formats.isDone });
    this.desk = Desk.of(root);
    this.guidelines = new Guidelines(root.querySelector("#guidelines"), root.querySelector(".briefing"), this.desk?.id ?? root.dataset.free);
    this.earlier = new Earlier(root.querySelector(".earlier"), this.desk?.id ?? "", () => this.now?.queryId ?? null);
    this.course = new Course(this, {
      now: () => this.now,
      isAsking: () => this.asking.isOn,
      show: (view) => this.#showItem(view),
      showNothing: (phase) => this.#showNothing(phase),
      allSent: () => leftBehind(),
      bring: (position) => this.pager.show(this.panels.elements[position]),
    });
    this.earlier.addEventListener("chosen", (event) => this.course.goBack(event.detail));
    new Breaks(root.querySelector("[data-break]"));
    new Rekey(root.querySelector("#keys"));
    labelKeys(root);
    bindShortcuts(this);
    this.pager = new Pager(root, this.panels.elements, (position) => this.formats.alone.look(position));
    placePopovers(root);
    gradio.watch((value) => this.#receive(value));
    setInterval(() => this.#fallBack(), 1000);
    if (isWorker() && !this.desk) return void location.replace("/studies");
    fetched.then(() => (this.desk ? this.course.first() : this.asking.restore()));
  }

  // --- asking and following ---------------------------------------------------------------------

  #regenerate(responseId) {
    if (this.#goesOn()) this.gradio.regenerate({ ...this.#which(), response_id: responseId });
  }

  /** Have answers that were cut go on from where they stand. */
  #carryOn(responseIds) {
    if (!responseIds.length || !this.#goesOn()) return;
    for (const id of responseIds) this.gradio.carryOn({ ...this.#which(), response_id: id });
  }

  /** The comparison is complete no more: what comes of it is followed anew. */
  #goesOn() {
    if (!this.now?.queryId) return false;
    Object.assign(this.now, { token: uuid(), heardAt: performance.now(), completeAt: 0 });
    this.notices.trouble("");
    return true;
  }

  #which() {
    return { token: this.now.token, query_id: this.now.queryId };
  }

  /** Something else comes into view. */
  begin(fields) {
    this.now = { token: uuid(), view: null, completeAt: 0, heardAt: performance.now(), ...fields };
    this.votes.begin(null);
  }

  #receive(value) {
    this.asking.look(value);
    if (!value || !this.now || value.token !== this.now.token) return;
    this.now.heardAt = performance.now();
    if (value.error) return this.asking.failed(value.error);
    if (this.#isOlder(value.view)) return void (this.now.isLooking || this.#revealed());
    const first = !this.now.view;
    this.now.view = value.view;
    if (!value.view) return this.asking.foundNothing();
    if (first) this.#arrived(value.view);
    this.draw();
  }

  /** Whether a snapshot was under way since before the vote that the server has acknowledged: it holds no names. */
  #isOlder(view) {
    if (view?.stays_blind) return false;
    return Boolean(this.votes.vote?.acknowledged && this.now.view && view?.panels.every((panel) => !panel.revealed));
  }

  /** The first snapshot of a comparison: it has an id now. */
  #arrived(view) {
    const { now } = this;
    now.queryId = view.query_id;
    now.text = view.query;
    this.asking.arrived(now);
    if (!this.desk) sessionStorage.setItem(SHOWN, JSON.stringify({ queryId: now.queryId, text: now.text, sampled: now.sampled }));
    this.votes.begin(view.vote);
    this.formats.begin(view);
    this.leaving.comeBack();
  }

  /** The stream has fallen silent (a lost connection, a restarted server): ask the API how things stand. */
  async #fallBack() {
    const { now } = this;
    if (!now || now.isLooking || performance.now() - now.heardAt < SILENCE_MS) return;
    if (now.isDue) return this.#revealed();
    if (this.#complete()) return;
    now.heardAt = performance.now();
    try {
      if (now.queryId) {
        const view = await call("GET", `/api/comparisons/${now.queryId}?blocks=true`);
        if (this.now === now) this.#receive({ token: now.token, view });
        return;
      }
      await this.asking.wait(now);
    } catch (error) {
      if (this.now === now && !this.asking.refused(error) && error.status === 404) this.asking.foundNothing();
    }
  }

  // --- voting -----------------------------------------------------------------------------------

  /** The server knows of the vote, or of its withdrawal: show the names, or hide them again. */
  async #revealed() {
    const { now } = this;
    const look = (now.looks = (now.looks ?? 0) + 1); // of several on their way only the newest counts
    now.isLooking = now.isDue = true;
    refreshPerson();
    try {
      const view = await call("GET", `/api/comparisons/${now.queryId}?blocks=true`);
      if (this.now !== now || look !== now.looks) return;
      now.view = view;
      now.isDue = false;
      this.draw();
      this.pager.show(this.panels.chosen);
      if (this.votes.vote) {
        const names = view.panels.map((panel) => `${panel.letter} is ${panel.revealed?.version}`).join(", ");
        const further = this.votes.undoable ? " Ten seconds to undo." : "";
        this.notices.say(view.stays_blind ? `Recorded. ${this.formats.isMany ? this.formats.sentence : ""}` : `Recorded. ${names}.${further}`);
      } else this.notices.say(`The vote is taken back. ${this.votes.hint}`);
    } catch (error) {
      if (error.status === 404) now.isDue = false; // erased meanwhile; otherwise the fall-back looks again
    } finally {
      if (look === now.looks) {
        now.isLooking = false;
        now.heardAt = performance.now();
      }
    }
  }

  /** A comparison of which a first snapshot is there comes into view, from its top. */
  #showItem(view) {
    this.step.hide();
    this.begin({ text: view.query, sampled: true, queryId: view.query_id });
    this.#receive({ token: this.now.token, view });
    if (!view.complete) this.gradio.restore(this.#which());
    for (const element of this.panels.elements) element.querySelector(".body").scrollTop = 0;
    this.pager.show(this.panels.elements[0]);
    this.question.root.focus({ preventScroll: true });
  }

  #showNothing(phase) {
    this.now = null;
    this.instead = phase;
    this.draw();
  }

  #undoFromComposer(event) {
    if (!this.votes.undoable) return;
    event.preventDefault();
    this.votes.undo();
  }

  /** To the answer that was chosen, or the first: there Enter does nothing, and all keys do what they say. */
  #focusAnswer(responseId) {
    const responses = this.#comparison()?.responses ?? [];
    const place = responses.find((response) => response.id === responseId)?.place ?? 0;
    this.panels.elements[place].focus({ preventScroll: true });
  }

  // --- drawing ----------------------------------------------------------------------------------

  /** Draw what stands. */
  draw() {
    const { now } = this;
    const view = now?.view ? this.#blend(now.view) : null;
    const places = view ? this.#places() : [];
    if (view?.panels.some((panel) => panel.revealed) || (view?.voted && !view.stays_blind)) namesSeen(now.queryId);
    this.root.dataset.phase = !now?.view ? (this.asking.isOn ? "asked" : (this.instead ?? "empty")) : this.votes.vote ? "voted" : "open";
    if (!this.asking.isOn) this.panels.draw(view, places);
    this.root.querySelector("[data-one-version]").hidden = !view?.one_version;
    this.root.querySelector("[data-says-names]").hidden = !view?.says_names;
    this.question.show(now?.text ?? "");
    if (!this.asking.isOn) this.thread.draw(view, this.desk ? null : this.votes.vote, this.desk ? null : this.acts.editedLast);
    this.differs.update();
    this.acts.learn(now?.view?.panels ?? []);
    this.edits.update();
    showAsked(this.root.querySelector("[data-asked-too]"), now?.view?.asks.formats ?? []);
    this.passages.update(now?.view?.panels ?? []);
    this.votes.show(this.#comparison());
    this.formats.show();
    this.course?.show();
    this.pager?.name(this.#comparison()?.responses ?? []);
    const complete = this.#complete();
    if (complete && !now.completeAt) {
      now.completeAt = Date.now();
      const toDo = this.formats.isMany ? this.formats.sentence : "Choose the one you would rather have.";
      if (!this.#isDecided()) this.notices.say(`All answers are complete. ${foldsOf(this.#comparison().responses)}${toDo}`);
    }
    const isRead = this.formats.isMany ? !this.formats.isDone : !this.votes.vote;
    this.tracker.follow(
      now?.queryId ?? null,
      (view?.panels ?? []).map((panel, position) => ({
        responseId: panel.response_id,
        readable: Boolean(panel.text) && isRead && places[position] === position,
        complete: panel.outcome !== "pending",
        place: places[position],
      })),
    );
  }

  #isDecided() {
    return Boolean(this.votes.standing) || this.formats.isRanked;
  }

  #places() {
    return placesOf(this.#blend(this.now.view).panels, (id) => this.acts.isOpen(id) || this.passages.isOpen(id));
  }

  #blend(view) {
    return blend(view, this.votes.vote, (id) => this.acts.editOf(id));
  }

  /** The vote bar stays in view and covers what is behind it. */
  #visibleBottom() {
    const card = this.votes.bar.getBoundingClientRect();
    return Math.min(innerHeight, card.height ? card.top : innerHeight);
  }

  #complete() {
    return Boolean(this.now?.view?.panels.every((panel) => panel.outcome !== "pending"));
  }

  /** What stands on the page, for votes and acts; null if nothing does. */
  #comparison() {
    const { now } = this;
    if (!now?.view) return null;
    const responses = responsesOf(now.view.panels, this.#places());
    return { queryId: now.queryId, query: now.text, voted: this.#isDecided(), asks: now.view.asks, staysBlind: now.view.stays_blind, responses };
  }

}
