// From what is selected in an answer back to what was written: an answer is read rendered, and quoted as it was written.
//
// Each block on the page has its map (`app/rendering/block.py`): which characters of its text stand where in the answer's
// text. Places are counted in Unicode code points, as the server counts them. Pure: reads the page, changes nothing.

const SURROGATES = /[\ud800-\udfff]/;

/** What the elements of blocks show: {start, end, map}. Set by whoever draws them (`answer.js`). */
export const blockOf = new WeakMap();
/** What the elements of answers show: their text as it was written. */
export const textOf = new WeakMap();

/**
 * From where to where, in code points of the answer's text, what is selected in it was written: [start, end], or null if
 * nothing is. root: the element of the answer's text.
 *
 * A block that is selected from end to end is quoted with its marks (the number of an item, the stars around bold words);
 * of one that is selected in part, what stands from the first character selected to the last. Something that reads
 * otherwise than it was written, such as a formula, comes whole. What is selected within code is never quoted with fences.
 */
export function sourceRange(selection, root) {
  return !selection?.rangeCount || selection.isCollapsed ? null : writtenIn(selection.getRangeAt(0), root);
}

/** The same of a range. */
export function writtenIn(range, root) {
  const pieces = [...root.querySelectorAll(".block")]
    .filter((element) => range.intersectsNode(element) && !element.closest("details:not([open])"))
    .map((element) => pieceOf(element, range))
    .filter((piece) => piece.from < piece.to || piece.isEmpty);
  if (!pieces.some((piece) => piece.from < piece.to)) return null;
  const [first, last] = [pieces[0], pieces.at(-1)];
  const alone = pieces.length === 1 && first.isCode;
  const start = first.isWhole && !alone ? first.block.start : placeOf(first, first.from, false);
  const end = last.isWhole && !alone ? last.block.end : placeOf(last, last.to, true);
  return start < end ? [start, end] : null;
}

/** What is selected in an answer, as it was written; "" if nothing is. */
export function sourceText(selection, root) {
  const range = sourceRange(selection, root);
  return range ? slice(textOf.get(root) ?? "", ...range) : "";
}

/** A part of a text, in code points. */
export function slice(text, start, end) {
  return SURROGATES.test(text) ? [...text].slice(start, end).join("") : text.slice(start, end);
}

/** The text nodes of a block that show the answer, without what the page adds (a button, the name of a language). */
export function* textNodes(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("[data-chrome]")) yield walker.currentNode;
}

/** The part of a block that a range covers, in code points of its text. */
function pieceOf(element, range) {
  let length = 0;
  let [from, to] = [null, 0];
  for (const node of textNodes(element)) {
    const size = points(node.data);
    if (range.intersectsNode(node)) {
      const begin = node === range.startContainer ? points(node.data.slice(0, range.startOffset)) : 0;
      const end = node === range.endContainer ? points(node.data.slice(0, range.endOffset)) : size;
      if (begin < end) {
        from ??= length + begin;
        to = length + end;
      }
    }
    length += size;
  }
  from ??= 0;
  const isEmpty = !length; // a rule between paragraphs
  return {
    block: blockOf.get(element),
    from,
    to,
    isEmpty,
    isWhole: isEmpty || (from === 0 && to === length),
    isCode: element.firstElementChild?.matches("figure.code"),
  };
}

/** Where a character of a block's text, or the end of one, stands in the answer's text. */
function placeOf({ block }, at, isEnd) {
  const runs = (block.map ? block.map.split(" ") : []).map((run) => run.split(",").map(Number));
  if (isEnd) {
    const run = runs.findLast(([begin]) => begin < at);
    if (!run) return block.start;
    const [begin, place, shown, written] = run;
    return block.start + place + (written ?? Math.min(at - begin, shown));
  }
  const run = runs.find(([begin, , shown]) => begin + shown > at);
  if (!run) return block.end;
  const [begin, place, , written] = run;
  return block.start + place + (written === undefined ? Math.max(0, at - begin) : 0);
}

/** How many code points a text has. */
export function points(text) {
  return SURROGATES.test(text) ? [...text].length : text.length;
}
