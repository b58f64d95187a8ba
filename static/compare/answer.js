// One answer as it is read: its blocks (`app/rendering/`), or its text as it was written.
//
// Only what has changed is touched, and of a block that grows only the nodes that differ: so a selection and whatever is
// unfolded survive. What comes here was sanitised by the server; nothing else is ever set as HTML. Thoughts are folded
// away, unless the answer ended with nothing but thoughts. Knows nothing of votes, signals or the network.

import { blockOf, textOf } from "./source.js";

const htmlOf = new WeakMap(); // the element of a block -> the HTML that was drawn into it

export class AnswerText {
  /** root: the element that the answer is drawn into. */
  constructor(root) {
    this.root = root;
  }

  /** Draw an answer. blocks: none for a text that is shown as it was written. ended: nothing comes any more. */
  draw(text, blocks, ended) {
    textOf.set(this.root, text);
    const units = blocks.length ? unitsOf(blocks) : text ? [{ plain: text }] : [];
    units.forEach((unit, number) => {
      let element = this.root.children[number];
      if (element?.tagName !== (unit.thoughts ? "DETAILS" : "DIV") || element.matches(".raw") !== "plain" in unit) {
        const made = unit.thoughts ? folded() : block("plain" in unit ? "block raw" : "block");
        if (element) element.replaceWith(made);
        else this.root.append(made);
        element = made;
      }
      if (unit.thoughts) drawAll(element.lastElementChild, unit.thoughts);
      else if (unit.block) drawBlock(element, unit.block);
      else drawPlain(element, unit.plain);
    });
    while (this.root.children.length > units.length) this.root.lastElementChild.remove();
    if (ended && blocks.length && blocks.every((each) => each.thought) && !this.root.dataset.unfolded) {
      this.root.firstElementChild.open = true; // once: who folds it away wants it so
      this.root.dataset.unfolded = "yes";
    }
    if (!blocks.length) delete this.root.dataset.unfolded;
  }
}

/** Blocks as they stand under each other; thoughts in a row are one unit. */
function unitsOf(blocks) {
  const units = [];
  for (const each of blocks) {
    if (!each.thought) units.push({ block: each });
    else if (units.at(-1)?.thoughts) units.at(-1).thoughts.push(each);
    else units.push({ thoughts: [each] });
  }
  return units;
}

function block(name) {
  const element = document.createElement("div");
  element.className = name;
  return element;
}

function folded() {
  const details = document.createElement("details");
  details.className = "thoughts";
  const summary = document.createElement("summary");
  summary.textContent = "Thoughts";
  details.append(summary, document.createElement("div"));
  return details;
}

function drawAll(parent, blocks) {
  blocks.forEach((each, number) => drawBlock(parent.children[number] ?? parent.appendChild(block("block")), each));
  while (parent.children.length > blocks.length) parent.lastElementChild.remove();
}

function drawBlock(element, now) {
  blockOf.set(element, now);
  if (htmlOf.get(element) === now.html) return;
  htmlOf.set(element, now.html);
  const template = document.createElement("template");
  template.innerHTML = now.html;
  adopt(element, template.content);
}

/** Text as it was written, in one text node that grows. */
function drawPlain(element, text) {
  blockOf.set(element, { start: 0, end: [...text].length, map: `0,0,${[...text].length}` });
  const node = element.firstChild ?? element.appendChild(document.createTextNode(""));
  setText(node, text);
}

function setText(node, text) {
  if (node.data === text) return;
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}

/** Make the children of an element those of another; nodes that are alike stay the same nodes. */
function adopt(element, wanted) {
  const children = [...wanted.childNodes];
  children.forEach((child, number) => {
    const now = element.childNodes[number];
    if (!now) element.append(child);
    else if (now.nodeType === Node.TEXT_NODE && child.nodeType === Node.TEXT_NODE) setText(now, child.data);
    else if (isAlike(now, child)) adopt(now, child);
    else now.replaceWith(child);
  });
  while (element.childNodes.length > children.length) element.lastChild.remove();
}

function isAlike(one, other) {
  if (one.nodeName !== other.nodeName || one.attributes?.length !== other.attributes?.length) return false;
  return [...one.attributes].every(({ name, value }) => other.getAttribute(name) === value);
}
