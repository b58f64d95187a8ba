// A ranking as it grows: places, the best first, each with the ids that share it. Pure: every function makes a new one.

/** Put an answer behind all others. */
export const placed = (order, id) => [...without(order, id), [id]];

/** Take an answer out; a place that nobody is left on is gone. */
export function without(order, id) {
  return order.map((place) => place.filter((each) => each !== id)).filter((place) => place.length);
}

/** Take out the one that was placed last. */
export const takenBack = (order) => (order.length ? without(order, lastOf(order)) : order);

/** Let the one that was placed last share the place before it; if it shares one already, it has its own again. */
export function tiedLast(order) {
  if (!order.length) return order;
  const id = lastOf(order);
  if (order.at(-1).length > 1) return placed(order, id);
  return order.length > 1 ? [...order.slice(0, -2), [...order.at(-2), id]] : order;
}

/** Put an answer onto a place, or into a place of its own before it. place: its index, in the order without the answer. */
export function put(order, id, place, isShared) {
  const rest = without(order, id);
  if (isShared && rest[place]) return rest.map((each, index) => (index === place ? [...each, id] : each));
  return [...rest.slice(0, place), [id], ...rest.slice(place)];
}

/** One step back (-1) or forth (1): from a place of its own onto the next one, from a shared one to its own beside it. */
export function moved(order, id, by) {
  const at = order.findIndex((place) => place.includes(id));
  if (at < 0) return order;
  if (order[at].length > 1) return put(order, id, by > 0 ? at + 1 : at, false);
  const onto = at + by;
  if (!order[onto]) return order;
  return put(order, id, by > 0 ? at : onto, true);
}

/** The same among these answers only; `of(id)`: the one that is shown for an answer, or undefined if it is there no more. */
export function among(order, of) {
  const met = new Set();
  const keep = (id) => id !== undefined && !met.has(id) && met.add(id);
  return order.map((place) => place.map(of).filter(keep)).filter((place) => place.length);
}

const lastOf = (order) => order.at(-1).at(-1);
