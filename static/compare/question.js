// The question that the answers on the page are to, in view while the composer holds something else; a long one unfolds.

export class Question {
  /** root: its element; field: the composer's. */
  constructor(root, field) {
    this.root = root;
    this.field = field;
    this.words = root.querySelector(".words");
    this.button = root.querySelector("button");
    this.button.addEventListener("click", () => this.unfold());
    field.addEventListener("input", () => this.show(this.text));
    new ResizeObserver(() => this.#fit()).observe(this.words);
  }

  /** Show the question of what stands on the page; "" if nothing does. */
  show(text) {
    this.text = text;
    this.root.hidden = !text || this.field.value.trim() === text.trim();
    if (this.words.textContent === text) return this.#fit(); // it may have come into view
    this.words.textContent = text;
    this.#turn(false);
  }

  unfold() {
    if (!this.button.hidden) this.#turn(!this.root.hasAttribute("data-unfolded"));
  }

  #turn(on) {
    this.root.toggleAttribute("data-unfolded", on);
    this.button.setAttribute("aria-expanded", String(on));
    this.button.firstChild.data = on ? "less" : "more";
    this.#fit();
  }

  /** The button is there only if there is more than is shown. */
  #fit() {
    const { scrollHeight, clientHeight } = this.words;
    this.button.hidden = !this.root.hasAttribute("data-unfolded") && scrollHeight <= clientHeight + 1;
  }
}
