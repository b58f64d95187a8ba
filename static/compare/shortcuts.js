// Which key does what on the Compare page; `app/ui/compare_layout.py` lists them for people.

import { bindKeys } from "../keys.js";

/** page: {panels, votes, acts, formats, passages, edits, composer, thread, switches, differs, question, guidelines, earlier, desk, course}; desk: null where no study is worked through. */
export function bindShortcuts({ panels, votes, acts, formats, passages, edits, composer, thread, switches, differs, question, guidelines, earlier, desk, course }) {
  const inPanel = () => panels.elements.findIndex((element) => element.contains(document.activeElement));
  const focused = () => (inPanel() < 0 ? formats.alone.focused : inPanel());
  const act = (name) => () => (focused() < 0 ? false : acts.act(focused(), name));
  const panel = (position) => () => panels.elements[position]?.focus({ preventScroll: true });
  const judge = (act) => () => formats.judge(act, focused());
  const digits = Object.fromEntries([1, 2, 3, 4, 5].map((number) => [number, () => !course.isTooEarly() && formats.digit(number)]));
  bindKeys({
    ...digits,
    t: () => formats.tie(),
    x: () => formats.allBad(),
    s: () => formats.skip(),
    u: () => formats.undo(),
    Backspace: () => formats.back(),
    i: () => formats.write(focused()),
    "ctrl+z": () => (votes.undoable ? votes.undo() : false),
    n: () => course.next(),
    z: (_, closed) => closed?.id === "earlier" || earlier.open(),
    "/": () => composer.focus(),
    f: () => thread.turn(),
    y: () => (desk ? false : composer.surprise()),
    a: panel(0),
    b: panel(1),
    c: panel(2),
    l: judge("like"),
    d: judge("dislike"),
    k: act("copy"),
    e: act("edit"),
    o: () => edits.turn(focused()),
    p: () => passages.begin(focused()),
    r: act("regenerate"),
    g: act("continue"),
    m: (_, closed) => closed?.matches(".menu") || panels.elements[focused()]?.querySelector("[data-more]").click(),
    v: () => switches.turn("raw"),
    j: () => switches.turn("linked"),
    w: () => differs.open(),
    q: () => question.unfold(),
    h: (_, closed) => closed?.id === "guidelines" || guidelines.open(),
    "?": (_, closed) => closed?.id === "keys" || document.getElementById("keys").showPopover(),
  });
}
