// What a study asks for beside the choice and needs no card: marked words and edited answers, in a line above the answers.

const HOW = {
  passages: "Select words of an answer, or press P in it, and say whether they are good or bad.",
  edit: "Write an answer as it should be with Edit, or E.",
};

/** Show the line. formats: what is asked for, by the names of `rlhb_core/schema/formats.py`. */
export function showAsked(line, formats) {
  const wanted = Object.keys(HOW).filter((each) => formats.includes(each));
  line.textContent = wanted.map((each) => HOW[each]).join(" ");
  line.hidden = !wanted.length;
}
