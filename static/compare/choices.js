// What may be chosen, and why not: the rules of the vote bar, for buttons and keys alike.
// Pure. An answer here is one of {letters, status, canWin, text, place} as `main.js` puts them together.

import { listed } from "./folds.js";

const MISSED = {
  failed: "could not answer",
  silent: "answered with nothing",
  stopped: "was stopped before it wrote anything",
};

/** The answers that are on the page: of equal ones the first. */
export function standing(responses) {
  return responses.filter((response, position) => response.place === position);
}

/** The same, each with the positions at which it stands. */
export function standingWithPlaces(responses) {
  const positions = (response) => responses.flatMap(({ place }, position) => (place === response.place ? [position] : []));
  return standing(responses).map((response) => ({ ...response, positions: positions(response) }));
}

/** Whether there is something to judge: not if it failed, or was stopped before it began. */
export const canBeJudged = ({ status, text }) => status !== "failed" && (status !== "stopped" || Boolean(text.trim()));

/** Whether all answers are the same one, so that none is better than another. */
export function areAllSame(responses) {
  return responses.length > 1 && standing(responses).length === 1;
}

/** Why this answer cannot be voted best; "" if it can. */
export function whyNotBest({ letters, status, canWin, text }) {
  const who = listed(letters);
  if (!canWin) return `${who} ${MISSED[status] ?? "did not answer"}, so it cannot be chosen.`;
  return text ? "" : `${who} has not written anything yet.`;
}

/** Why these answers cannot be voted a tie; "" if they can. */
export function whyNoTie(responses) {
  if (areAllSame(responses)) return "There is only one answer here, so there is no tie.";
  if (standing(responses).filter((response) => response.canWin).length > 1) return "";
  return "A tie takes two answers, and the others did not answer.";
}

/** How a vote for an answer reads: on its button, and when it is recorded. */
export function bestWords(response, responses) {
  if (areAllSame(responses)) return ["Good", ""];
  return [listed(response.letters), response.letters.length > 1 ? " are best" : " is best"];
}
