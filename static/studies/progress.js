// A bar that says how far something is, in words too.

import { h } from "../kit.js";

export function bar(done, target, words) {
  const fill = h("progress", { max: Math.max(target, 1), value: Math.min(done, target), "aria-label": words });
  return h("div", { class: "how-far" }, fill, h("span", {}, words));
}
