// Scrolling answers, by keys and together. Together: where one stands, the others stand too, each at the same share of its own length.
//
// The one that a person scrolls leads; those that follow are recognised by where they were put, so that none of them
// leads in turn. Nothing is smoothed, and nothing happens between two scroll events.

const NEAR_PX = 2; // the browser rounds

/** bodies: the elements that scroll; isOn(): whether they do it together. */
export function scrollTogether(bodies, isOn) {
  const put = new WeakMap(); // body -> where it was put
  for (const body of bodies) {
    body.addEventListener(
      "scroll",
      () => {
        const before = put.get(body);
        put.delete(body);
        if (!isOn() || (before !== undefined && Math.abs(body.scrollTop - before) < NEAR_PX)) return;
        const share = body.scrollTop / Math.max(1, rangeOf(body));
        for (const other of bodies) {
          const top = Math.round(share * rangeOf(other));
          if (other === body || Math.abs(other.scrollTop - top) < NEAR_PX) continue;
          other.scrollTop = top;
          put.set(other, other.scrollTop);
        }
      },
      { passive: true },
    );
  }
}

/** An answer that has the focus is scrolled by the keys that scroll a page. panel: its card, which holds its body. */
export function scrollByKeys(panel, body) {
  panel.addEventListener("keydown", (event) => {
    if (event.target !== panel || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = body.clientHeight * 0.9;
    const by = { ArrowDown: 40, ArrowUp: -40, PageDown: page, PageUp: -page, " ": event.shiftKey ? -page : page, End: Infinity, Home: -Infinity }[event.key];
    if (by === undefined || rangeOf(body) <= 0) return;
    event.preventDefault();
    body.scrollTop = Math.min(rangeOf(body), Math.max(0, body.scrollTop + by));
  });
}

function rangeOf(body) {
  return body.scrollHeight - body.clientHeight;
}
