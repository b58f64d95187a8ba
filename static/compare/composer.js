// The composer: writing a query, the samples, and the draft that survives a refresh.

import { smoothly } from "../motion.js";

const DRAFT = "rlhb.draft"; // in sessionStorage: each tab has its own

export class Composer extends EventTarget {
  /** Event "ask" with detail = {text, sampled}: sampled when the query was picked, not written. */
  constructor(form) {
    super();
    this.form = form;
    this.field = form.querySelector("textarea");
    this.surprises = JSON.parse(form.dataset.surprises ?? "[]");
    this.picked = null;
    this.field.value = sessionStorage.getItem(DRAFT) ?? "";
    this.field.addEventListener("input", () => this.#changed());
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.addEventListener("click", (event) => {
      const chip = event.target.closest(".chip");
      if (chip) this.pick("surprise" in chip.dataset ? this.#surprise() : chip.textContent.trim());
    });
    this.#changed();
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
    scrollTo({ top: 0, behavior: smoothly() });
  }

  #surprise() {
    const others = this.surprises.filter((text) => text !== this.text);
    return others[Math.floor(Math.random() * others.length)];
  }

  #submit() {
    const text = this.text.trim();
    if (!text) {
      this.text = ""; // blanks would hide the placeholder, which says what to do
      return this.field.focus();
    }
    this.field.blur(); // so that the keys vote instead of typing
    this.dispatchEvent(new CustomEvent("ask", { detail: { text, sampled: text === this.picked } }));
  }

  #changed() {
    sessionStorage.setItem(DRAFT, this.field.value);
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }
}
