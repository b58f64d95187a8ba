// What a person can do with one answer: like, dislike, copy, edit, continue one that was cut, and under "More" share,
// report, regenerate, comment. Of equal answers shown as one, marks that were made earlier are shown and taken back
// together, and a new one is made on the one that is shown.
//
// Every act is a signal through the outbox. Marks are kept here by response, so that they outlive redrawing;
// a snapshot brings those made before a refresh.

import { toClipboard } from "../clipboard.js";
import { editDraft } from "../drafts.js";
import { record } from "../signals.js";

const MORE = "[data-more]"; // what is chosen in its menu is said on it, for the menu closes
const FLASH_MS = 1_400;

export class Acts extends EventTarget {
  /**
   * Events: "edited" (redraw), "marked" (likewise), "regenerate" with detail = response id, "continue" with detail =
   * [response id], "mark" with detail = the position, "said" with detail = a sentence.
   * comparison(): {queryId, query, voted, responses: [{id, ids, cut, letter, text, complete}]} as it stands, or null;
   * `ids` are those of the equal answers that are shown as this one, `cut` those of them that were cut.
   */
  constructor(panels, comparison) {
    super();
    this.panels = panels;
    this.comparison = comparison;
    this.flashes = new WeakMap(); // label -> {usual, timer}
    this.editedLast = null; // id of the response whose version was saved last on this page, and stands
    this.marks = new Map(); // response id -> {liked, disliked, flagged, edited, comment, tags, ratings}
    panels.forEach((panel, position) => {
      panel.addEventListener("click", (event) => this.#clicked(position, event.target.closest("[data-act]")));
      // the hints of keys would go with the focus, and the button from under the pointer
      panel.querySelector(".acts").addEventListener("mousedown", (event) => {
        if (panel.matches(":focus-visible, :has(:focus-visible)")) event.preventDefault();
      });
      panel.addEventListener("submit", (event) => this.#submitted(position, event));
      panel.querySelector(".editor textarea").addEventListener("input", ({ target }) => this.#draft(position, target.value));
      panel.querySelector(".editor textarea").addEventListener("keydown", (event) => this.#editKey(position, event));
      panel.querySelector(".menu").addEventListener("toggle", () => this.dispatchEvent(new Event("edited")));
    });
  }

  /** Take over the marks that a snapshot's panels bring, for answers not touched on this page. */
  learn(panels) {
    for (const { response_id: id, marks } of panels) if (!this.marks.has(id)) this.marks.set(id, { ...marks });
    this.show();
  }

  /** The person's own version of an answer: null if they took it back, undefined if this page knows of none. */
  editOf(responseId) {
    return this.marks.get(responseId)?.edited;
  }

  /** What is known to have been said of an answer, with those that are shown as it: all that a snapshot's marks hold. */
  marksOf(answer) {
    const marks = answer.ids.map((id) => this.marks.get(id) ?? {});
    const own = this.marks.get(answer.id) ?? {};
    const told = [own, ...marks].find(({ comment, tags }) => comment || tags?.length) ?? {};
    const ratings = Object.assign({}, ...marks.map((mark) => mark.ratings ?? {}), own.ratings ?? {});
    return { ...this.#all(answer), edited: own.edited, comment: told.comment ?? "", tags: told.tags ?? [], ratings };
  }

  /** The answers in view of which an edit was begun and is not saved: [{position, letter, text}]. */
  get begun() {
    return (this.comparison()?.responses ?? []).flatMap((answer, position) => {
      const text = answer.id ? this.begunOf(answer) : null;
      return text === null ? [] : [{ position, letter: answer.letter, text }];
    });
  }

  /** What somebody began to make of an answer and did not save, here or on another page; null if nothing is. */
  begunOf(answer) {
    const { text } = editDraft(answer.id);
    return text === null || isSame(text, this.editOf(answer.id) ?? answer.text) ? null : text;
  }

  /** Give up what was begun of the answer at `position`. */
  dropEdit(position) {
    editDraft(this.comparison().responses[position].id).letGo();
    this.dispatchEvent(new Event("edited"));
  }

  /** Keep what was said of an answer elsewhere on the page. */
  keep(responseId, marks) {
    Object.assign(this.#mark(responseId), marks);
  }

  /** Whether something is being written about an answer, which must not be hidden just now. */
  isOpen(responseId) {
    const panel = this.panels.find((candidate) => candidate.dataset.response === responseId);
    return Boolean(panel && (panel.classList.contains("editing") || panel.querySelector(":popover-open")));
  }

  /** Do an act on the answer at `position`. */
  async act(position, name) {
    const now = this.comparison();
    const answer = now?.responses[position];
    if (!answer?.id) return;
    const button = this.panels[position].querySelector(`[data-act="${name}"]`);
    if (button?.disabled || button?.hidden) return;
    const mark = this.#mark(answer.id);
    const note = (kind, payload) => record(kind, now.queryId, answer.id, payload);
    switch (name) {
      case "like":
      case "dislike": {
        const [own, other] = name === "like" ? ["liked", "disliked"] : ["disliked", "liked"];
        const on = !this.#all(answer)[own];
        this.#turn(now, answer, name, own, on);
        if (on) answer.ids.forEach((id) => (this.#mark(id)[other] = false));
        break;
      }
      case "copy":
        if (await toClipboard(answer.text)) {
          note("copy", { chars: answer.text.length });
          this.#flash(position, '[data-act="copy"]', "Copied");
          this.#say(`Answer ${answer.letter} is copied.`);
        }
        break;
      case "share":
        if (await share(now.query, answer.text)) {
          note("share", {});
          this.#flash(position, MORE, "Copied");
          this.#say("Question and answer are copied, ready to pass on.");
        }
        break;
      case "flag":
        this.#turn(now, answer, "flag", "flagged", !this.#all(answer).flagged, { reason: "" });
        this.#flash(position, MORE, mark.flagged ? "Reported" : "Taken back");
        this.#say(mark.flagged ? `Answer ${answer.letter} is reported.` : "The report is taken back.");
        break;
      case "continue":
        this.dispatchEvent(new CustomEvent("continue", { detail: answer.cut }));
        break;
      case "regenerate":
        note("regenerate", {});
        this.dispatchEvent(new CustomEvent("regenerate", { detail: answer.id }));
        break;
      case "edit":
      case "resume-edit":
        this.#openEditor(position, mark.edited ?? answer.text);
        break;
      case "take-back":
        if (mark.edited == null) return;
        note("edit", { text: mark.edited, on: false });
        mark.edited = this.editedLast = null;
        this.#say(`Answer ${answer.letter} is as it was.`);
        this.dispatchEvent(new Event("edited"));
        break;
      case "mark":
        this.dispatchEvent(new CustomEvent("mark", { detail: position }));
        break;
      case "cancel-edit":
        this.#leaveEditor(position);
        break;
      default: // says everything by having happened
        note(name, {});
        this.#flash(position, MORE, "Noted");
    }
    this.show();
    this.dispatchEvent(new Event("marked"));
  }

  /** Draw the marks. */
  show() {
    const now = this.comparison();
    this.panels.forEach((panel, position) => {
      const answer = now?.responses[position];
      const mark = answer ? this.#all(answer) : {};
      const pressed = { like: mark.liked, dislike: mark.disliked, flag: mark.flagged };
      for (const [act, on] of Object.entries(pressed)) {
        panel.querySelector(`[data-act="${act}"]`)?.setAttribute("aria-pressed", String(Boolean(on)));
      }
      const flag = panel.querySelector('[data-act="flag"]');
      flag.firstChild.data = mark.flagged ? "Take the report back" : "Report";
      for (const button of panel.querySelectorAll(".acts > [data-act], .acts > [data-more]")) button.disabled = !answer?.id;
      panel.querySelector('[data-act="regenerate"]').disabled = !answer?.complete || now.voted;
      for (const act of ["copy", "edit"]) panel.querySelector(`.acts > [data-act="${act}"]`).disabled = !answer?.text;
      if (panel.classList.contains("editing") && panel.dataset.editing !== answer?.id) this.#closeEditor(position);
    });
  }

  /** The marks of the answers that are shown as this one, together. */
  #all({ ids }) {
    const marks = ids.map((id) => this.marks.get(id) ?? {});
    return Object.fromEntries(["liked", "disliked", "flagged"].map((name) => [name, marks.some((mark) => mark[name])]));
  }

  /** Put a mark on the answer, or take it off all that are shown as it. */
  #turn(now, answer, kind, name, on, payload = {}) {
    const ids = on ? [answer.id] : answer.ids.filter((id) => this.#mark(id)[name]);
    for (const id of ids) {
      this.#mark(id)[name] = on;
      record(kind, now.queryId, id, { ...payload, on });
    }
  }

  #mark(id) {
    if (!this.marks.has(id)) this.marks.set(id, {});
    return this.marks.get(id);
  }

  #clicked(position, button) {
    if (!button) return;
    button.closest("[popover]")?.hidePopover();
    this.act(position, button.dataset.act);
  }

  #submitted(position, event) {
    event.preventDefault();
    const now = this.comparison();
    const answer = now?.responses[position];
    if (!answer?.id) return;
    const text = event.target.elements.text.value.trim();
    if (event.target.matches(".editor")) {
      if (!text) return this.#say("An answer needs words. Press Escape to leave it unsaved.");
      const mark = this.#mark(answer.id);
      const original = answer.text.trim();
      const on = text !== original;
      editDraft(answer.id).letGo();
      if (text !== (mark.edited ?? original)) {
        mark.edited = on ? text : null;
        this.editedLast = on ? answer.id : null;
        record("edit", now.queryId, answer.id, { text, on });
        this.#say(on ? `Your version of answer ${answer.letter} is saved.` : `Answer ${answer.letter} is as it was.`);
      }
      this.#closeEditor(position);
      this.dispatchEvent(new Event("edited"));
    } else if (text) {
      const { tags } = this.marksOf(answer); // of several comments the last one counts, with all that it says
      this.keep(answer.id, { comment: text, tags });
      record("critique", now.queryId, answer.id, { text, tags });
      event.target.reset();
      this.dispatchEvent(new Event("marked"));
      event.target.closest("[popover]")?.hidePopover();
      this.#flash(position, MORE, "Saved");
      this.#say("Your comment is saved.");
    }
  }

  #openEditor(position, text) {
    const panel = this.panels[position];
    const field = panel.querySelector(".editor textarea");
    this.cameFrom = document.activeElement;
    panel.dataset.editing = this.comparison().responses[position].id;
    field.value = editDraft(panel.dataset.editing).text ?? text; // begun before a refresh
    field.style.minHeight = `${panel.querySelector(".text").offsetHeight + 24}px`;
    panel.classList.add("editing");
    panel.querySelector(".editor").hidden = false;
    field.focus();
  }

  #closeEditor(position) {
    const panel = this.panels[position];
    const had = panel.querySelector(".editor").contains(document.activeElement);
    panel.classList.remove("editing");
    panel.querySelector(".editor").hidden = true;
    if (!had) return;
    const back = panel.contains(this.cameFrom) && this.cameFrom.checkVisibility() ? this.cameFrom : null;
    (back ?? panel.querySelector('[data-act="edit"]')).focus();
  }

  /** Words that say what stands already are no draft. */
  #draft(position, text) {
    const answer = this.comparison().responses[position];
    if (isSame(text, this.editOf(answer.id) ?? answer.text)) editDraft(answer.id).letGo();
    else editDraft(answer.id).text = text;
  }

  /** Nothing is saved, and nothing that was written is lost. */
  #leaveEditor(position) {
    this.#closeEditor(position);
    this.dispatchEvent(new Event("edited"));
    const begun = this.begun.find((each) => each.position === position);
    if (begun) this.#say(`Your edit of answer ${begun.letter} is kept, and not saved.`);
  }

  #editKey(position, event) {
    if (event.key === "Escape") {
      event.preventDefault();
      this.#leaveEditor(position);
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  }

  /** Say for a moment on a button that it is done. */
  #flash(position, which, text) {
    const label = this.panels[position].querySelector(`.acts > ${which}`).firstChild;
    const { usual = label.data, timer } = this.flashes.get(label) ?? {};
    clearTimeout(timer);
    label.data = text;
    this.flashes.set(label, { usual, timer: setTimeout(() => (label.data = usual), FLASH_MS) });
  }

  #say(sentence) {
    this.dispatchEvent(new CustomEvent("said", { detail: sentence }));
  }
}

const isSame = (one, other) => one.trim() === other.trim();

async function share(query, answer) {
  const text = `${query}\n\n${answer}`;
  if (navigator.share && matchMedia("(pointer: coarse)").matches) {
    try {
      await navigator.share({ text });
      return true;
    } catch {
      return false; // the person closed the sheet
    }
  }
  return toClipboard(text);
}
