// Menus that open beside the button that opened them; the browser's popovers do the rest (Esc, click outside, focus).

const GAP = 6;

/** Place every `[popover].menu` inside root above its button, or below where there is no room. */
export function placePopovers(root) {
  for (const menu of root.querySelectorAll("[popover].menu")) {
    menu.addEventListener("toggle", (event) => {
      if (event.newState === "open") place(menu, root.querySelector(`[popovertarget="${menu.id}"]`));
    });
  }
}

function place(menu, button) {
  const box = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const above = box.top - height - GAP;
  menu.style.top = `${above > 8 ? above : Math.min(box.bottom + GAP, innerHeight - height - 8)}px`;
  menu.style.left = `${Math.max(8, Math.min(box.right - width, innerWidth - width - 8))}px`;
  addEventListener("scroll", () => menu.hidePopover(), { once: true, passive: true });
  menu.querySelector("button, input")?.focus();
}
