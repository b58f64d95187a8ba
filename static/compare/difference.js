// Two texts drawn as one: words that only the first has are struck, those that only the second has are underlined.

import { differences } from "./words.js";

/** Draw into an element what leads from one text to the other. */
export function drawDifference(element, one, other) {
  const parts = differences(one, other).map(({ kind, text }) => {
    if (kind === "same") return document.createTextNode(text);
    const part = document.createElement(kind === "gone" ? "del" : "ins");
    part.textContent = text;
    return part;
  });
  element.replaceChildren(...parts);
}
