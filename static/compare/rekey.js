// Changing keys, in the list of them: press the one that is to change, then the one that is to do what it does.

import { boundKeys, nameOf } from "../keys.js";
import { exchange, isChanged, meantBy, restoreKeys } from "../keymap.js";

const FIRST = "Press the key that you want to change. Escape leaves it.";

export class Rekey {
  /** popover: the list of keys, with the two buttons and the line that says what is to be done. */
  constructor(popover) {
    this.popover = popover;
    this.button = popover.querySelector("[data-rekey]");
    this.all = popover.querySelector("[data-rekey-none]");
    this.line = popover.querySelector("[data-rekey-says]");
    this.button.addEventListener("click", () => this.#begin());
    this.all.addEventListener("click", () => {
      restoreKeys();
      this.#end("All keys are as they were.");
      this.button.focus();
    });
    popover.addEventListener("toggle", ({ newState }) => newState === "closed" && this.#end(""));
    popover.addEventListener("keydown", (event) => this.#key(event));
    this.all.hidden = !isChanged();
  }

  #begin() {
    this.isAsking = true;
    this.from = null;
    this.line.textContent = FIRST;
    this.popover.focus();
  }

  #end(words) {
    this.isAsking = false;
    this.line.textContent = words;
    this.all.hidden = !isChanged();
  }

  #key(event) {
    if (!this.isAsking || event.repeat) return;
    if (event.key === "Tab" || event.key === "Shift") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") {
      this.#end("Left as it was.");
      return this.button.focus();
    }
    const key = nameOf(event);
    if ([...key].length !== 1) this.line.textContent = "Only letters, digits and signs can be changed. Press another, or Escape.";
    else if (!this.from) this.#fromKey(key);
    else this.#toKey(key);
  }

  #fromKey(key) {
    if (!boundKeys().has(meantBy(key))) {
      this.line.textContent = `${name(key)} does nothing here. Press one of the list, or Escape.`;
      return;
    }
    this.from = key;
    this.line.textContent = `Now press the key that is to do what ${name(key)} does. Escape leaves it.`;
  }

  #toKey(key) {
    const { from } = this;
    const trades = boundKeys().has(meantBy(key)) && key !== from;
    if (key !== from) exchange(from, key);
    this.#end(`${name(key)} does now what ${name(from)} did${trades ? `, and ${name(from)} what ${name(key)} did` : ""}.`);
    this.button.focus();
  }
}

const name = (key) => key.toUpperCase();
