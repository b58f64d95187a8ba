// Equal answers are shown once: the first of them stands for all, and what is said of it is said of all of them.
// Pure: knows the panels of a snapshot (`app/comparing/`), not how they are drawn.

/**
 * For each panel the position of the one that shows its answer: its own, or that of the first with the same words.
 * An answer that the person rewrites, or has rewritten, stays: it is not the same any more.
 */
export function placesOf(panels, isEdited) {
  const own = panels.map((panel) => panel.marks.edited != null || isEdited(panel.response_id));
  return panels.map((panel, position) => {
    const first = panels.findIndex((other) => other.letter === panel.same_as);
    return first < 0 || own[position] || own[first] ? position : first;
  });
}

/** "A", "A and C", "A, B and C". */
export function listed(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** What is said of answers that are the same; `count` is how many there are in all. */
export function sameWords(letters, count) {
  if (count === 2 && letters.length === 2) return "Both gave the same answer";
  return `${letters.length === count ? `All ${["no", "one", "two", "three"][count] ?? count}` : listed(letters)} gave the same answer`;
}
