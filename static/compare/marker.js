// The small popover in which words of an answer are marked: which words, good or bad, why, a note, off again.
//
// The words are a slider, so that keys move it and a screen reader says what it stands on. Shows what it is told and tells
// what was pressed; knows no answer and no signal.

import { h } from "../kit.js";

const DEFAULTS = {
  good: ["correct", "clear", "helpful", "well put"],
  bad: ["wrong", "unclear", "off topic", "unsafe"],
};
const LONGEST = 160; // characters of a passage that are quoted
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
const SIGNS = { "+": "good", "-": "bad" };
const GAP = 8;

export class Marker extends EventTarget {
  /**
   * Events: "quality", "reason" and "note" with detail = what it is now; "step" with detail = {by, extends}; "words" where it
   * is to go on word by word, or by sentences again; "off"; "closed".
   */
  constructor(root) {
    super();
    this.root = root;
    this.part = (name) => root.querySelector(`[data-${name}]`);
    root.addEventListener("click", (event) => this.#clicked(event.target.closest("button")));
    root.addEventListener("toggle", ({ newState }) => newState === "closed" && this.#tell("closed"));
    this.part("words").addEventListener("keydown", (event) => this.#stepped(event));
    this.part("remark").addEventListener("change", ({ target }) => this.#tell("note", target.value.trim()));
    this.part("remark-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.close();
    });
    document.addEventListener("keydown", (event) => this.#signed(event));
  }

  get isOpen() {
    return this.root.matches(":popover-open");
  }

  /** Whether it stands at the foot of the window. */
  get isDocked() {
    return matchMedia("(max-width: 900px)").matches;
  }

  /** What is written in the note just now. */
  get note() {
    return this.part("remark").value.trim();
  }

  /**
   * Show a passage. about: {letter, words, place, of, quality, reason, note, reasons, whyNot}: `place` of how many
   * sentences or words it stands on; `whyNot`: a sentence instead of all that, where nothing can be marked.
   */
  show({ letter, words, place, of, quality = "", reason = "", note = "", reasons = [], byWords = false, whyNot = "" }) {
    this.root.setAttribute("aria-label", `Mark words of answer ${letter}`);
    this.part("why-not").textContent = whyNot;
    this.part("why-not").hidden = !whyNot;
    this.part("marking").hidden = Boolean(whyNot);
    const quoted = words.length > LONGEST ? `${words.slice(0, LONGEST / 2).trimEnd()} … ${words.slice(-LONGEST / 2).trimStart()}` : words;
    this.part("words").textContent = quoted;
    for (const [name, value] of [["min", 1], ["max", Math.max(1, of)], ["now", place], ["text", quoted]]) {
      this.part("words").setAttribute(`aria-value${name}`, value);
    }
    this.part("by-words").setAttribute("aria-pressed", String(byWords));
    for (const button of this.root.querySelectorAll("[data-quality]")) {
      button.setAttribute("aria-pressed", String(button.dataset.quality === quality));
    }
    this.part("more").hidden = !quality;
    this.#offer(reason && !reasons.includes(reason) ? [...reasons, reason] : reasons, reason);
    if (document.activeElement !== this.part("remark")) this.part("remark").value = note;
  }

  /** The reasons to choose from: those of the study, or what is usual for good and for bad words. */
  static reasonsFor(quality, ofStudy) {
    return ofStudy?.length ? ofStudy : (DEFAULTS[quality] ?? []);
  }

  /** Open it beside some ranges, or beside an element. focused: whether the keyboard goes there. */
  open(ranges, focused) {
    if (!this.isOpen) this.root.showPopover();
    this.place(ranges);
    if (focused) (this.part("marking").hidden ? this.root : this.part("words")).focus({ preventScroll: true });
  }

  close() {
    if (this.isOpen) this.root.hidePopover();
  }

  /** Put it below the passage, or above where there is no room; on a narrow screen the style sheet puts it at the foot. */
  place(ranges) {
    const boxes = ranges.flatMap((range) => [...range.getClientRects()]);
    const { style, offsetWidth: width, offsetHeight: height } = this.root;
    if (!boxes.length || this.isDocked) return;
    const [top, bottom] = [Math.min(...boxes.map((box) => box.top)), Math.max(...boxes.map((box) => box.bottom))];
    const below = bottom + GAP + height < innerHeight - GAP || top - GAP - height < GAP;
    const wanted = below ? bottom + GAP : top - GAP - height;
    style.top = `${Math.max(GAP, Math.min(wanted, innerHeight - height - GAP))}px`;
    style.left = `${Math.max(GAP, Math.min(Math.min(...boxes.map((box) => box.left)), innerWidth - width - GAP))}px`;
  }

  #offer(reasons, chosen) {
    const group = this.part("reasons");
    const there = [...group.children].map((each) => each.dataset.reason);
    if (there.join("\n") !== reasons.join("\n")) group.replaceChildren(...reasons.map(chip));
    for (const button of group.children) button.setAttribute("aria-pressed", String(button.dataset.reason === chosen));
  }

  #clicked(button) {
    if (!button) return;
    const { quality, reason } = button.dataset;
    if (quality) this.#tell("quality", quality);
    else if (reason) this.#tell("reason", button.getAttribute("aria-pressed") === "true" ? "" : reason);
    else if ("byWords" in button.dataset) this.#tell("words");
    else if ("off" in button.dataset) this.#tell("off");
    else if ("done" in button.dataset) this.close();
  }

  #stepped(event) {
    const by = STEPS[event.key];
    if (event.key === "Enter") {
      event.preventDefault();
      return this.root.querySelector("[data-quality]").focus();
    }
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#tell("step", { by, extends: event.shiftKey });
  }

  /** Plus and minus say good and bad wherever the focus is, and P goes on word by word, a digit says why, unless one writes. */
  #signed(event) {
    const { key, ctrlKey, metaKey, altKey, repeat } = event;
    if (!this.isOpen || this.part("marking").hidden || event.target.closest?.("input, textarea")) return;
    if (ctrlKey || metaKey || altKey || repeat) return;
    const inside = this.root.contains(event.target);
    if (SIGNS[key]) this.#tell("quality", SIGNS[key]);
    else if (inside && key.toLowerCase() === "p") this.#tell("words");
    else if (inside && this.#reason(Number(key))) this.#reason(Number(key)).click();
    else return;
    event.preventDefault();
  }

  /** The reason that has this digit, if reasons are there to choose from. */
  #reason(number) {
    return this.part("more").hidden ? null : this.part("reasons").querySelector(`[aria-keyshortcuts="${number}"]`);
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** The first nine have a digit. */
function chip(reason, index) {
  const key = index < 9 ? String(index + 1) : null;
  return h("button", { type: "button", class: "chip", "data-reason": reason, "aria-keyshortcuts": key }, reason, key && h("kbd", {}, key));
}
