// The list of an answer's marks in its card: a button for each, with the words that it is about. Knows no signal.

import { slice } from "./source.js";

const QUOTED = 40; // characters of a passage

/** The list of an answer's marks: a button for each, the same one as long as its mark stands. */
export function drawList(list, marks, answer) {
  const there = new Map([...list.children].map((each) => [each.dataset.mark, each]));
  const wanted = marks.map((mark) => drawEntry(there.get(mark.mark) ?? entry(mark.mark), mark, answer));
  if (wanted.some((each, place) => list.children[place] !== each) || list.children.length > wanted.length) list.replaceChildren(...wanted);
  list.hidden = !marks.length;
}

function entry(mark) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip";
  button.dataset.mark = mark;
  for (const name of ["visually-hidden", "sign", "quoted", "reason"]) button.append(Object.assign(document.createElement("span"), { className: name }));
  button.children[1].setAttribute("aria-hidden", "true");
  button.children[2].dir = "auto";
  return button;
}

function drawEntry(button, { start, end, by, quality, reason }, answer) {
  const words = slice(answer.text, start + by, end + by).replace(/\s+/g, " ");
  const [said, sign, quoted, why] = button.children;
  button.dataset.quality = quality;
  said.textContent = quality === "good" ? "Good: " : "Bad: ";
  sign.textContent = quality === "good" ? "+" : "−";
  quoted.textContent = words.length > QUOTED ? `${words.slice(0, QUOTED).trimEnd()}…` : words;
  why.textContent = reason;
  return button;
}
