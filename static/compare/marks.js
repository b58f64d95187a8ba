// The passages that a person has marked in answers, as they stand, and recording what changes about them.
//
// They are kept by response, in code points of its own text; a snapshot brings those made before a refresh. Of equal answers
// shown as one, all are told, each moved by the white space that its text begins with. Knows nothing of how they look.

import { record } from "../signals.js";
import { points } from "./source.js";

export class Marks extends EventTarget {
  /** Event "refused" with detail = the server's sentence: the mark is as it was before. */
  constructor() {
    super();
    this.known = new Map(); // response id -> Map: mark id -> {mark, start, end, quality, reason, note}
  }

  /** Take over the marks that a snapshot's panels bring, for answers not touched on this page. */
  learn(panels) {
    for (const { response_id: id, marks } of panels) {
      const told = (marks.passages ?? []).map(({ words, ...mark }) => [mark.mark, mark]);
      if (told.length && !this.known.has(id)) this.known.set(id, new Map(told));
    }
  }

  /** Those of an answer (and of its equals), in their order: each with `responseId`, and `by` how far it is moved in the one shown. */
  of(answer, responses) {
    const found = answer.ids.flatMap((id) => {
      const by = id === answer.id ? 0 : begins(answer.text) - begins(responses.find((each) => each.id === id).text);
      return [...(this.known.get(id)?.values() ?? [])].map((mark) => ({ ...mark, responseId: id, by }));
    });
    return found.sort((one, other) => one.start + one.by - other.start - other.by || one.end + one.by - other.end - other.by);
  }

  /** It stands as it says now. */
  put(queryId, responseId, mark) {
    this.#record(queryId, responseId, mark, true);
  }

  /** It is taken off. */
  takeOff(queryId, responseId, mark) {
    this.#record(queryId, responseId, mark, false);
  }

  #record(queryId, responseId, { mark, start, end, quality, reason, note }, on) {
    if (!this.known.has(responseId)) this.known.set(responseId, new Map());
    const marks = this.known.get(responseId);
    const before = marks.get(mark);
    const now = { mark, start, end, quality, reason, note };
    if (on) marks.set(mark, now);
    else marks.delete(mark);
    record("mark", queryId, responseId, { ...now, on }).catch((error) => {
      if (marks.get(mark) !== (on ? now : undefined)) return; // something newer was said of it
      if (before) marks.set(mark, before);
      else marks.delete(mark);
      this.dispatchEvent(new CustomEvent("refused", { detail: error.message }));
    });
  }
}

/** With how much white space a text begins, in code points. */
function begins(text) {
  return points(text.slice(0, text.length - text.trimStart().length));
}
