// How much room there is: once a comparison stands, the page is as high as the window, and long answers scroll in
// themselves. The style sheet does it (`compare.css`); it has to know how much stands above the page.

export class Room {
  constructor(root) {
    this.root = root;
    const seen = new ResizeObserver(() => this.#measure());
    seen.observe(document.body);
    seen.observe(root);
    this.#measure();
  }

  #measure() {
    const above = `${Math.round(this.root.getBoundingClientRect().top + scrollY)}px`;
    if (this.root.style.getPropertyValue("--above") !== above) this.root.style.setProperty("--above", above);
  }
}
