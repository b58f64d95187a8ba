// Which key does what on the Compare page; `app/ui/compare_layout.py` lists them for people.

import { bindKeys } from "../keys.js";

/** page: {panels, votes, acts, passages, edits, composer, switches, differs, question, guidelines, earlier, desk, next()}; desk: null where no study is worked through. */
export function bindShortcuts({ panels, votes, acts, passages, edits, composer, switches, differs, question, guidelines, earlier, desk, next }) {
  const focused = () => panels.elements.findIndex((element) => element.contains(document.activeElement));
  const act = (name) => () => (focused() < 0 ? false : acts.act(focused(), name));
  const panel = (position) => () => panels.elements[position]?.focus({ preventScroll: true });
  bindKeys({
    1: () => votes.cast("best", 0),
    2: () => votes.cast("best", 1),
    3: () => votes.cast("best", 2),
    t: () => votes.cast("tie"),
    x: () => votes.cast("all_bad"),
    s: () => votes.cast("skip"),
    u: () => votes.back(),
    "ctrl+z": () => (votes.undoable ? votes.undo() : false),
    n: () => next(),
    z: (_, closed) => closed?.id === "earlier" || earlier.open(),
    "/": () => composer.focus(),
    y: () => (desk ? false : composer.surprise()),
    a: panel(0),
    b: panel(1),
    c: panel(2),
    l: act("like"),
    d: act("dislike"),
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
