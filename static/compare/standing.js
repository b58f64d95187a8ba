// What stands on the page, made of a snapshot and of what this page knows better. Pure.

import { listed, sameWords } from "./folds.js";
import { statusOf } from "./panels.js";

/** A snapshot in the light of an own edit (`editOf(responseId)`), and of a vote that is newer than the snapshot. */
export function blend(view, vote, editOf) {
  const panels = view.panels.map((panel) => {
    const own = editOf(panel.response_id);
    return {
      ...panel,
      revealed: vote?.acknowledged ? panel.revealed : null,
      duration_ms: vote?.acknowledged ? panel.duration_ms : null,
      marks: { ...panel.marks, edited: own === undefined ? panel.marks.edited : own },
    };
  });
  return { ...view, panels, vote };
}

/** The answers as votes and acts see them, each in its place (see `placesOf`). */
export function responsesOf(panels, places) {
  return panels.map((panel, position) => {
    const group = panels.filter((_, other) => places[other] === position);
    return {
      id: panel.response_id,
      letter: panel.letter,
      text: panel.text,
      complete: panel.outcome !== "pending",
      status: statusOf(panel),
      canWin: panel.can_win,
      place: places[position],
      letters: group.map((each) => each.letter),
      ids: group.map((each) => each.response_id),
      cut: group.filter((each) => statusOf(each) === "cut").map((each) => each.response_id),
    };
  });
}

/** The answers that say something, equal ones as one: [{name, text}]. */
export function saying(responses) {
  return responses
    .filter((response, position) => response.place === position && response.text)
    .map(({ letters, text }) => ({ name: listed(letters), text }));
}

/** Which answers are the same, in a sentence for those who do not see it; "" if none are. */
export function foldsOf(responses) {
  const many = responses.find((response) => response.letters.length > 1);
  return many ? `${sameWords(many.letters, responses.length)}. ` : "";
}
