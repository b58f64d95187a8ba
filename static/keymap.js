// Which keys somebody has changed, in this browser. Two keys trade places, so that none is ever dead or does two things; all
// labels on the page follow. Knows no key's meaning.

const KEPT = "rlhb.keys"; // in localStorage: {key as it is pressed: the key whose place it has}
const listeners = new Set();
let meant = read();

addEventListener("storage", ({ key }) => {
  if (key === KEPT || key === null) changed(read());
});

/** The key that a key stands for which was pressed. */
export const meantBy = (pressed) => meant[pressed] ?? pressed;

/** The key to press for what a key does on a page that nobody has changed. */
export const keyFor = (usual) => Object.keys(meant).find((pressed) => meant[pressed] === usual) ?? usual;

/** Whether any key is changed. */
export const isChanged = () => Object.keys(meant).length > 0;

/** What two keys do, as they are pressed now, they trade. */
export function exchange(one, other) {
  const next = { ...meant, [one]: meantBy(other), [other]: meantBy(one) };
  keep(Object.fromEntries(Object.entries(next).filter(([pressed, usual]) => pressed !== usual)));
}

/** All as it was. */
export const restoreKeys = () => keep({});

/** Have every label below `root` say the key that is to be pressed, now and whenever either changes. */
export function labelKeys(root) {
  relabel(root);
  listeners.add(() => relabel(root));
  new MutationObserver((records) => {
    for (const { addedNodes } of records) for (const node of addedNodes) if (node instanceof Element) relabel(node);
  }).observe(root, { childList: true, subtree: true });
}

function relabel(root) {
  for (const label of withIn(root, "kbd")) {
    label.dataset.usual ??= label.textContent;
    const isAlone = label.previousElementSibling?.dataset.usual !== "Ctrl";
    const text = isAlone ? shown(label.dataset.usual) : label.dataset.usual;
    if (label.textContent !== text) label.textContent = text;
  }
  for (const element of withIn(root, "[aria-keyshortcuts]")) {
    element.dataset.usualKeys ??= element.getAttribute("aria-keyshortcuts");
    element.setAttribute("aria-keyshortcuts", element.dataset.usualKeys.split(" ").map(shown).join(" "));
  }
}

/** A label of one character names a key; all others (Esc, Ctrl ⏎) stay as they are. */
const shown = (usual) => ([...usual].length === 1 && usual !== "⏎" ? keyFor(usual.toLowerCase()).toUpperCase() : usual);

function* withIn(root, selector) {
  if (root.matches(selector)) yield root;
  yield* root.querySelectorAll(selector);
}

function keep(next) {
  try {
    if (Object.keys(next).length) localStorage.setItem(KEPT, JSON.stringify(next));
    else localStorage.removeItem(KEPT);
  } catch {
    // Storage is full or forbidden: it holds until the page is left.
  }
  changed(next);
}

function changed(next) {
  meant = next;
  for (const listen of listeners) listen();
}

/** What is kept, if it makes sense: keys of one character that trade places. */
function read() {
  try {
    const kept = Object.entries(JSON.parse(localStorage.getItem(KEPT) ?? "{}"));
    const pressed = kept.map(([key]) => key).sort();
    const usual = kept.map(([, key]) => key).sort();
    const trades = pressed.every((key, place) => key === usual[place] && [...key].length === 1);
    return trades ? Object.fromEntries(kept) : {};
  } catch {
    return {};
  }
}
