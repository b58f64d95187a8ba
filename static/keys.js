// Keyboard shortcuts: single keys that work wherever one does not type (into a tick or a choice one does not), and Escape, which leaves wherever one does.

import { meantBy } from "./keymap.js";

const bound = new Set();
const FIELDS = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";

/**
 * Bind keys. bindings: {key: handler}, keys as in KeyboardEvent.key, letters in lower case, "ctrl+z" for that.
 * A key does what it says whatever is open: a popover is closed first, and the handler told which: handler(event, closed).
 * Somebody may have changed their keys (`keymap.js`): `bindings` are those of a page that nobody has.
 * A handler that returns false leaves the event to the browser. A key held down counts once.
 */
export function bindKeys(bindings) {
  for (const key of Object.keys(bindings)) bound.add(key);
  const cameFrom = new WeakMap(); // field -> what had the focus before it
  document.addEventListener("focusin", ({ target, relatedTarget }) => cameFrom.set(target, relatedTarget));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog:modal")) return; // what is behind it is out of reach
    const field = event.target.closest?.(FIELDS);
    if (field) {
      // the browser closes an open popover itself, and gives the focus back
      if (event.key === "Escape" && !field.closest(":popover-open, dialog")) leave(field, cameFrom.get(field));
      return;
    }
    const handler = bindings[meantBy(nameOf(event))];
    if (!handler) return;
    if (event.repeat) return event.preventDefault();
    const open = document.querySelector(":popover-open");
    open?.hidePopover();
    if (handler(event, open) !== false) event.preventDefault();
  });
}

/** The keys that do something on this page, as nobody has changed them. */
export const boundKeys = () => bound;

/** A key as it is bound: letters in lower case, with "ctrl+" before it where that is held. */
export function nameOf({ key, ctrlKey, metaKey }) {
  const name = key.length === 1 ? key.toLowerCase() : key;
  return ctrlKey || metaKey ? `ctrl+${name}` : name;
}

/** Leave a field for where the focus was before, unless that was a field too or is there no more. */
export function leave(field, before) {
  if (before?.isConnected && before.checkVisibility() && !before.matches(FIELDS)) before.focus({ preventScroll: true });
  if (field.contains(document.activeElement)) document.activeElement.blur();
}
