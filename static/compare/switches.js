// Switches of the page that stay as they were left, in this browser: how answers are shown, whether they scroll together.

const PREFIX = "rlhb.switch."; // in localStorage

export class Switches extends EventTarget {
  /** root: holds the buttons, [data-switch=name] with aria-pressed as it is by default. Event: the name of one turned. */
  constructor(root) {
    super();
    this.buttons = new Map([...root.querySelectorAll("[data-switch]")].map((each) => [each.dataset.switch, each]));
    for (const [name, button] of this.buttons) {
      const kept = localStorage.getItem(PREFIX + name);
      if (kept) button.setAttribute("aria-pressed", kept);
      button.addEventListener("click", () => this.turn(name));
    }
  }

  isOn(name) {
    return this.buttons.get(name).getAttribute("aria-pressed") === "true";
  }

  turn(name) {
    const on = String(!this.isOn(name));
    this.buttons.get(name).setAttribute("aria-pressed", on);
    localStorage.setItem(PREFIX + name, on);
    this.dispatchEvent(new Event(name));
  }
}
