// What can be done inside an answer: open a link after a question, copy a piece of code, copy what is selected as it was
// written. Knows nothing of what an answer is about.

import { toClipboard } from "../clipboard.js";
import { sourceText } from "./source.js";

const SCHEMES = ["http:", "https:", "mailto:"];
const FLASH_MS = 1_400;

export class Inside extends EventTarget {
  /**
   * texts: the elements of the answers' texts; dialog: the one that asks; earlier: elements that hold answers of before.
   * Event "said" with detail = a sentence.
   */
  constructor(texts, dialog, earlier = []) {
    super();
    this.dialog = dialog;
    for (const text of [...texts, ...earlier]) {
      text.addEventListener("click", (event) => this.#clicked(event));
      text.addEventListener("keydown", (event) => this.#key(event));
    }
    dialog.addEventListener("click", (event) => event.target.closest("[data-open], [data-close]") && dialog.close());
    document.addEventListener("copy", (event) => copySource(event, texts));
  }

  #clicked({ target }) {
    const link = target.closest("[data-address]");
    const copy = target.closest("[data-copy-code]");
    if (link) this.#ask(link.dataset.address);
    else if (copy) this.#copy(copy);
  }

  #key(event) {
    if (event.key !== "Enter" || !event.target.matches("[data-address]")) return;
    event.preventDefault();
    this.#ask(event.target.dataset.address);
  }

  /** Show the whole address, and open it if that is wanted. */
  #ask(address) {
    if (!URL.canParse(address) || !SCHEMES.includes(new URL(address).protocol)) return;
    const { href, host, protocol } = new URL(address);
    this.dialog.querySelector("[data-where]").textContent = protocol === "mailto:" ? "Write to this address?" : `Open ${host}?`;
    this.dialog.querySelector("[data-whole]").textContent = href;
    this.dialog.querySelector("[data-open]").href = href;
    this.dialog.showModal();
  }

  async #copy(button) {
    const code = button.closest("figure").querySelector("code").textContent;
    if (!(await toClipboard(code))) return;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), FLASH_MS);
    this.dispatchEvent(new CustomEvent("said", { detail: "The code is copied." }));
  }
}

/** What is selected in one answer goes to the clipboard as it was written. */
function copySource(event, texts) {
  const selection = getSelection();
  const text = texts.find((each) => each.contains(selection.anchorNode) && each.contains(selection.focusNode));
  const source = text && sourceText(selection, text);
  if (!source) return;
  event.clipboardData.setData("text/plain", source);
  event.preventDefault();
}
