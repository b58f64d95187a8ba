// "Earlier": the last comparisons of a person, of the study or of their own questions, to go back to and change.
//
// The list is fetched whenever it is opened. Knows nothing of how a comparison is shown.

import { call } from "../api.js";
import { draftsKept } from "../drafts.js";
import { ago, fill, h } from "../kit.js";

const MANY = 20;
const SAID = { tie: "Tie", all_bad: "All bad", skip: "Skipped" };
const NONE = "Nothing yet. What you compare is listed here.";

export class Earlier extends EventTarget {
  /** popover: its element; study: the id of the study, or "". current(): the id of the comparison in view, or null. Event "chosen" with detail = the line. */
  constructor(popover, study, current) {
    super();
    Object.assign(this, { popover, study, current });
    this.list = popover.querySelector("[data-list]");
    popover.addEventListener("beforetoggle", ({ newState }) => newState === "open" && this.#fetch());
    popover.addEventListener("keydown", (event) => this.#move(event));
  }

  open() {
    this.popover.showPopover();
  }

  async #fetch() {
    this.#tell("");
    const study = this.study ? `&study=${this.study}` : "";
    try {
      await draftsKept(); // it is told which edits are begun
      const lines = await call("GET", `/api/comparisons?limit=${MANY}${study}`);
      fill(this.list, lines.map((line) => this.#entry(line)));
      this.#tell(lines.length ? "" : NONE);
    } catch (error) {
      fill(this.list);
      this.#tell(error.message);
    }
    if (this.popover.matches(":popover-open")) this.list.querySelector("button")?.focus();
  }

  #entry(line) {
    const { query, asked_ms: asked, query_id: id } = line;
    const choose = () => {
      this.popover.hidePopover();
      this.dispatchEvent(new CustomEvent("chosen", { detail: line }));
    };
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "line", onclick: choose, "aria-current": id === this.current() ? "true" : null },
        h("span", { class: "asked", dir: "auto" }, query),
        h("span", { class: "said" }, `${saidOf(line)} · ${ago(asked)}`),
      ),
    );
  }

  #move(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    const lines = [...this.list.querySelectorAll("button")];
    const next = lines[lines.indexOf(document.activeElement) + by];
    if (next) next.focus();
    event.preventDefault();
  }

  #tell(sentence) {
    const line = this.popover.querySelector("[data-told]");
    line.textContent = sentence;
    line.hidden = !sentence;
  }
}

/** What somebody said of a comparison, in words. */
function saidOf({ choice, letter, ranked, named, begun }) {
  const said = ranked ? "Ranked" : choice === "best" ? `${letter ?? "One"} was best` : (SAID[choice] ?? "Nothing chosen");
  return `${said}${named ? ", with the names known" : ""}${begun ? " · an edit is begun" : ""}`;
}
