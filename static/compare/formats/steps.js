// The steps of a comparison of which much is asked, and which of them digits answer. Pure.

/** Formats of which nothing is ever missing: who has nothing to say says nothing. */
export const OPEN_ENDED = new Set(["critique", "passages", "edit"]);

/**
 * The step that digits answer now, or undefined: the first that is asked and of which something is missing; once all is said
 * the last one, which can be said anew. formats: what is asked; choice: of the vote that stands; isUndecided: whether there is
 * neither vote nor ranking; canRank: whether the order is there to be said; open: the formats of which something is missing.
 */
export function digitStep(formats, { choice, isUndecided, canRank, open }) {
  const there = { best: isUndecided, strength: choice === "best", ranking: canRank && choice !== "tie", ratings: choice !== "skip" };
  const steps = Object.keys(there).filter((each) => formats.includes(each) && there[each]);
  return steps.find((each) => open.has(each)) ?? steps.at(-1);
}
