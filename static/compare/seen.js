// How much of an answer has been seen: the share of what was written, down to a line of the window. Thoughts that the model
// had before it answered do not count, folded or not: they are not the answer. Pure: reads the page, changes nothing.

import { blockOf } from "./source.js";

/** The share of an answer that stands above `bottom` (in the window's pixels), between 0 and 1. */
export function depthOf(text, bottom) {
  if (!text.checkVisibility()) return 0; // their own version, or the editor, stands in its place
  const blocks = [...text.querySelectorAll(".block")];
  const answer = blocks.filter((element) => !element.closest(".thoughts"));
  let seen = 0;
  let all = 0;
  for (const element of answer.length ? answer : blocks) {
    const { start, end } = blockOf.get(element);
    const { top, height } = element.getBoundingClientRect();
    const weight = Math.max(1, end - start);
    all += weight;
    seen += weight * Math.min(1, Math.max(0, (bottom - top) / Math.max(1, height)));
  }
  return all ? seen / all : 0;
}
