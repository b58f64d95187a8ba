// The buttons that the vote bar and the card share, each where it is needed.

/** isMany: whether the card is there; asksBest: whether the bar asks for the best answer. */
export function arrange(bar, { isMany, asksBest, onward, tools }) {
  const [choices, result, skip, allBad, next] = [".choices", ".result", '[data-choice="skip"]', '[data-choice="all_bad"]', "[data-next]"].map((each) => bar.querySelector(each));
  choices.append(allBad, skip);
  result.append(next);
  if (isMany) onward.append(skip, next);
  if (isMany && !asksBest) tools.append(allBad);
}
