// From what was written to where it is shown: passages of an answer as ranges of the page, and the sentences or words of an
// answer one after the other. The way back is in `source.js`. Pure: reads the page, changes nothing.

import { blockOf, points, textNodes } from "./source.js";

const APART = "p, li, th, td, pre, .formula.shown, .block"; // what ends a sentence where it ends
const WRITTEN = /[\p{L}\p{N}\p{S}]/u;

/**
 * What is shown of an answer's text from one place to another (in code points): ranges, each within one piece of text.
 * root: the element of the answer's text. Something that reads otherwise than it was written, such as a formula, comes whole.
 */
export function shownOf(root, start, end) {
  const blocks = [...root.querySelectorAll(".block")].filter((element) => {
    const block = blockOf.get(element);
    return block.start < end && block.end > start;
  });
  return blocks.flatMap((element) => [...within(element, start, end)]);
}

function* within(element, start, end) {
  const block = blockOf.get(element);
  const spans = (block.map ? block.map.split(" ") : []).map((run) => spanOf(run, start - block.start, end - block.start));
  let at = 0;
  for (const node of textNodes(element)) {
    const size = points(node.data);
    for (const [from, to] of spans) {
      const [begin, stop] = [Math.max(from, at) - at, Math.min(to, at + size) - at];
      if (begin < stop) yield rangeOf([node, unitsIn(node.data, begin)], [node, unitsIn(node.data, stop)]);
    }
    at += size;
  }
}

/** What of a run (see `app/rendering/block.py`) shows what was written from one place of its block to another. */
function spanOf(run, start, end) {
  const [at, place, shown, written] = run.split(",").map(Number);
  if (place >= end || place + (written ?? shown) <= start) return [0, 0];
  if (written !== undefined) return [at, at + shown];
  return [at + Math.max(0, start - place), at + Math.min(shown, end - place)];
}

/** How many UTF-16 units the first code points of a text take. */
function unitsIn(text, count) {
  let units = 0;
  for (let left = count; left > 0; left -= 1) units += text.codePointAt(units) > 0xffff ? 2 : 1;
  return units;
}

/** The sentences of an answer, or its words: ranges in their order. by: "sentence" or "word". */
export function unitsOf(root, by) {
  if (!Intl.Segmenter) return []; // of older browsers
  const segmenter = new Intl.Segmenter(undefined, { granularity: by });
  const units = [];
  for (const nodes of runsOf(root)) {
    const text = nodes.map((node) => node.data).join("");
    for (const { segment, index } of segmenter.segment(text)) {
      const words = segment.trim();
      if (!WRITTEN.test(words)) continue;
      const from = index + segment.indexOf(words);
      units.push(rangeOf(pointIn(nodes, from, false), pointIn(nodes, from + words.length, true)));
    }
  }
  return units;
}

/** The text nodes of an answer that are read in one go: those of a paragraph, an item, a cell. What is folded is left out. */
function runsOf(root) {
  const runs = new Map();
  for (const node of textNodes(root)) {
    if (node.parentElement.closest("details:not([open])")) continue;
    const whole = node.parentElement.closest(APART);
    if (!whole) continue; // the name of what is folded
    if (!runs.has(whole)) runs.set(whole, []);
    runs.get(whole).push(node);
  }
  return runs.values();
}

function pointIn(nodes, at, isEnd) {
  let left = at;
  for (const node of nodes) {
    if (left < node.length || (isEnd && left === node.length)) return [node, left];
    left -= node.length;
  }
  return [nodes.at(-1), nodes.at(-1).length];
}

function rangeOf(from, to) {
  const range = document.createRange();
  range.setStart(...from);
  range.setEnd(...to);
  return range;
}
