// The composer: writing a query, the samples, and the draft that survives a refresh.

import { questionDraft } from "../drafts.js";
import { smoothly } from "../motion.js";

export class Composer extends EventTarget {
  /**
   * Event "ask" with detail = {text, sampled}: sampled when the query was picked, not written. While the field stands as
   * `focus` left it: "undo" (to be cancelled by whoever undoes something) for Ctrl+Z, "again" for an Enter too many.
   * fetched: resolves once it is known what was written on other pages; owner: a promise of the id of the person whose drafts
   * these are; null where nobody signs in.
   */
  constructor(form, fetched, owner = null) {
    super();
    this.form = form;
    this.field = form.querySelector("textarea");
    this.surprises = JSON.parse(form.dataset.surprises ?? "[]");
    this.left = []; // of them, in an order by lot
    this.picked = null;
    this.untouched = false; // since `focus`
    this.field.addEventListener("input", () => {
      this.#changed();
      if (this.draft) this.draft.text = this.text;
    });
    this.field.addEventListener("keydown", (event) => this.#key(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.addEventListener("click", (event) => {
      const chip = event.target.closest(".chip");
      if (chip && "surprise" in chip.dataset) this.surprise();
      else if (chip) this.pick(chip.textContent.trim());
    });
    fetched.then(() => owner).then((id) => this.#begin(questionDraft(id ?? "")));
  }

  /** Whose drafts these are, is known: the last one comes back, unless something was written meanwhile. */
  #begin(draft) {
    this.draft = draft;
    if (this.field.value) this.#keep();
    else this.text = draft.text ?? "";
  }

  set busy(value) {
    this.form.querySelector("[type=submit]").disabled = value;
  }

  /** Put a text into the field. */
  set text(value) {
    this.field.value = value;
    this.#changed();
  }

  get text() {
    return this.field.value;
  }

  /** Ask a ready-made query. */
  pick(text) {
    this.picked = text;
    this.text = text;
    this.#submit();
  }

  /** Ready for another query: the old one is selected, so that typing replaces it. */
  focus() {
    this.field.focus({ preventScroll: true });
    this.field.select();
    this.untouched = Boolean(this.text.trim());
    scrollTo({ top: 0, behavior: smoothly() });
  }

  /** Keys pressed on the way here, twice or a moment too long, must not do anything to the question. */
  #key(event) {
    if (event.isComposing) return;
    const command = event.ctrlKey || event.metaKey;
    if (command && !event.shiftKey && event.key.toLowerCase() === "z" && this.untouched) {
      if (!this.dispatchEvent(new Event("undo", { cancelable: true }))) event.preventDefault();
    } else if ((event.key === " " && this.untouched) || (event.key === "/" && !this.field.value)) {
      event.preventDefault();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (event.repeat) return;
      if (this.untouched && !command) this.dispatchEvent(new Event("again"));
      else this.#submit();
    }
  }

  /** Ask one of the ready-made queries; none comes again before all have come. */
  surprise() {
    if (!this.left.length) this.left = shuffled(this.surprises.filter((text) => text !== this.text));
    if (this.left.length) this.pick(this.left.pop());
  }

  #submit() {
    const text = this.text.trim();
    if (!text) {
      this.text = ""; // blanks would hide the placeholder, which says what to do
      return this.field.focus();
    }
    this.draft?.letGo({ here: false });
    this.field.blur(); // so that the keys vote instead of typing
    this.dispatchEvent(new CustomEvent("ask", { detail: { text, sampled: text === this.picked } }));
  }

  #changed() {
    this.untouched = false;
    this.#keep();
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  #keep() {
    this.draft?.keepHere(this.field.value);
  }
}

/** The same in an order by lot (Fisher and Yates). */
function shuffled(texts) {
  const found = [...texts];
  for (let last = found.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [found[last], found[other]] = [found[other], found[last]];
  }
  return found;
}
