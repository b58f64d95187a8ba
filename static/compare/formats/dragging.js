// Dragging chips by mouse, pen or finger between places in a row. Knows where they are, not what they mean.

const SLIP_PX = 6; // a press that moves less is a click
const BESIDE = 0.28; // share of a place's width on either side that means "before it" and "behind it"; between them: onto it

/**
 * root holds chips (`[data-chip]`), places (`[data-place]`, in their order) and the pool ([data-pool]).
 * drop(id, target): target = {place, isShared}, counted among the places that are left without the chip, or null: into the pool.
 */
export function dragChips(root, drop) {
  let drag = null;

  root.addEventListener("pointerdown", (event) => {
    const chip = event.target.closest("[data-chip]:not(:disabled)");
    if (!chip || event.button !== 0 || drag) return;
    drag = { chip, id: chip.dataset.chip, x: event.clientX, y: event.clientY, pointer: event.pointerId, isOn: false };
  });
  root.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const [x, y] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.isOn && Math.hypot(x, y) < SLIP_PX) return;
    if (!drag.isOn) {
      drag.isOn = true;
      drag.chip.setPointerCapture(drag.pointer);
      drag.chip.classList.add("dragged");
    }
    drag.chip.style.transform = `translate(${x}px, ${y}px)`;
    mark(targetOf(event));
  });
  root.addEventListener("pointerup", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const { isOn, id } = drag;
    const target = isOn ? targetOf(event) : undefined;
    end();
    if (!isOn) return;
    root.addEventListener("click", stop, { capture: true, once: true }); // the click that ends a drag is none
    setTimeout(() => root.removeEventListener("click", stop, { capture: true }));
    if (target !== undefined) drop(id, target);
  });
  root.addEventListener("pointercancel", end);

  function end() {
    if (!drag) return;
    drag.chip.classList.remove("dragged");
    drag.chip.style.transform = "";
    mark(undefined);
    drag = null;
  }

  /** Where it would fall: {place, isShared, element, side}, null for the pool, undefined for nowhere. */
  function targetOf({ clientX: x, clientY: y }) {
    const box = root.getBoundingClientRect();
    if (y < box.top - 40 || y > box.bottom + 40) return undefined;
    if (holds(root.querySelector("[data-pool]"), x, y)) return null;
    // a place that holds nothing but the dragged one goes with it
    const places = [...root.querySelectorAll("[data-place]")].filter((each) => [...each.querySelectorAll("[data-chip]")].some((chip) => chip !== drag.chip));
    if (!places.length) return { place: 0, isShared: false };
    const near = places.reduce((best, each) => (distance(each, x, y) < distance(best, x, y) ? each : best));
    const place = places.indexOf(near);
    const { left, width } = near.getBoundingClientRect();
    const share = (x - left) / width;
    if (share > BESIDE && share < 1 - BESIDE) return { place, isShared: true, element: near, side: "onto" };
    return share <= BESIDE ? { place, isShared: false, element: near, side: "before" } : { place: place + 1, isShared: false, element: near, side: "behind" };
  }

  function mark(target) {
    for (const each of root.querySelectorAll("[data-drop]")) delete each.dataset.drop;
    if (target?.element) target.element.dataset.drop = target.side;
  }
}

function stop(event) {
  event.stopPropagation();
  event.preventDefault();
}

function holds(element, x, y) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return x >= left && x <= right && y >= top && y <= bottom;
}

/** From the point to the element, in px; rows count more than columns. */
function distance(element, x, y) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return Math.max(left - x, 0, x - right) + 4 * Math.max(top - y, 0, y - bottom);
}
