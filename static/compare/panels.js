// Drawing: a snapshot of a comparison (`app/comparing.py`, ComparisonView) into the three panels.
//
// Text is only ever set as text, so nothing a model writes becomes markup; it grows in place, so that a selection
// and the focus survive streaming. Knows nothing of votes, signals or the network.

const SLOW_MS = 6_000;
const LOADING = "loading the model…";

export class Panels {
  /** root: the element of the page that holds `.answer` panels, leftmost first. */
  constructor(root) {
    this.panels = [...root.querySelectorAll(".answer")].map((element) => ({
      element,
      text: element.querySelector(".text"),
      note: element.querySelector(".note"),
      state: element.querySelector(".state"),
      dot: element.querySelector(".dot"),
      name: element.querySelector(".name"),
      origin: element.querySelector(".origin"),
      startedAt: 0,
    }));
    setInterval(() => this.#slow(), 1000);
  }

  get elements() {
    return this.panels.map((panel) => panel.element);
  }

  /** The element of the answer that was voted best, once the names are shown. */
  get chosen() {
    return this.elements.find((element) => element.classList.contains("chosen"));
  }

  /** Draw a snapshot; null empties the panels. */
  draw(view) {
    this.panels.forEach((panel, position) => this.#drawOne(panel, view?.panels[position] ?? null, view));
  }

  /** A query is on its way: the panels wait for their answers. */
  wait() {
    for (const panel of this.panels) {
      this.#drawOne(panel, { response_id: "", text: "", outcome: "pending" }, null);
    }
  }

  #drawOne(panel, answer, view) {
    const { element } = panel;
    const status = statusOf(answer);
    if (element.dataset.response !== (answer?.response_id ?? "")) panel.startedAt = performance.now();
    element.dataset.response = answer?.response_id ?? "";
    element.dataset.status = status;
    element.setAttribute("aria-busy", String(status === "waiting" || status === "writing"));
    const edited = answer?.marks?.edited ?? null;
    grow(panel.text, edited ?? answer?.text ?? "");
    element.classList.toggle("edited", edited != null);
    panel.note.textContent = noteOf(answer, status);
    element.toggleAttribute("data-loading", status === "waiting" && Boolean(view?.loading));
    panel.state.textContent = (element.hasAttribute("data-loading") ? LOADING : stateOf(answer, status)) + (edited != null ? " · edited by you" : "");
    this.#reveal(panel, answer, view);
  }

  #reveal(panel, answer, view) {
    const revealed = Boolean(answer?.revealed);
    panel.element.classList.toggle("revealed", revealed);
    panel.element.classList.toggle("chosen", revealed && view?.vote?.best === answer.response_id);
    panel.dot.dataset.arm = answer?.revealed?.arm ?? "";
    panel.name.textContent = answer?.revealed?.version ?? "";
    panel.origin.textContent = answer?.revealed?.trained_on ?? "";
  }

  #slow() {
    for (const panel of this.panels) {
      const late = panel.element.dataset.status === "waiting" && performance.now() - panel.startedAt > SLOW_MS;
      if (late && !panel.element.hasAttribute("data-loading")) panel.state.textContent = "slower than usual; you can vote without it";
    }
  }
}

/** "empty" | "waiting" | "writing" | "done" | "silent" | "failed" | "stopped" */
function statusOf(answer) {
  if (!answer) return "empty";
  if (answer.outcome === "pending") return answer.text ? "writing" : "waiting";
  return { ok: "done", empty: "silent", error: "failed", stopped: "stopped" }[answer.outcome] ?? "done";
}

function stateOf(answer, status) {
  const seconds = answer?.duration_ms == null ? "" : ` in ${(answer.duration_ms / 1000).toFixed(1)} s`;
  return {
    empty: "",
    waiting: "thinking…",
    writing: "writing…",
    done: `done${seconds}`,
    silent: "no answer",
    failed: "failed",
    stopped: "stopped early",
  }[status];
}

function noteOf(answer, status) {
  if (status === "failed") return `This version could not answer. ${answer.error || "No reason was given."} The others are not affected.`;
  if (status === "silent") return "This version answered with nothing at all.";
  if (status === "stopped") return answer.text ? "" : "This version was stopped before it wrote anything.";
  return "";
}

/** Set the text of an element that holds one text node; what only grows is appended. */
function grow(element, text) {
  const node = element.firstChild ?? element.appendChild(document.createTextNode(""));
  if (node.data === text) return;
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}
