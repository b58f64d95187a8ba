// Keyboard shortcuts: single keys, ignored while typing, with a modifier, or while a popover is open.

/**
 * Bind keys. bindings: {key: handler}, keys as in KeyboardEvent.key, letters in lower case.
 * A handler that returns false leaves the event to the browser.
 */
export function bindKeys(bindings) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    if (document.querySelector(":popover-open") && event.key !== "?") return;
    const handler = bindings[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (handler && handler(event) !== false) event.preventDefault();
  });
}
