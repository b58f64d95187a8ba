// How carefully people have judged in a study: a row for each, with what speaks against it in words. Whoever leads the study
// may leave somebody out of training, and take them in again.

import { call } from "../api.js";
import { fill, get, h, number } from "../kit.js";
import { known } from "../me.js";
import { attempt, saidOf, table } from "../people/parts.js";

const NONE = "–";
const COLUMNS = ["Who", "Judged", "Time for one", "Leftmost", "Tie", "Known best found", "Same again", "What stands out", ""];

/** Fill the part of the page. path: the address of the study in the API. */
export async function showCare(place, path) {
  const [{ people }, me] = await Promise.all([get(`${path}/care`), known]);
  if (!people.length) return fill(place, h("p", {}, "Nobody has judged anything yet."));
  fill(place, table("How people worked", COLUMNS, people.map((each) => row(each, path, me))));
}

function row({ person_id: id, worker, simulated, excluded, skipped, signs }, path, me) {
  const name = worker ? `worker ${worker}` : `person ${id.slice(0, 8)}`;
  const who = h("span", {}, name, id === me && [" ", h("span", { class: "tag" }, "you")], simulated && h("span", { class: "tag" }, "simulated"), " ", h("span", { class: "tag", "data-out": "", hidden: !excluded }, "left out"));
  const judged = skipped ? `${number(signs.done)}, ${number(skipped)} skipped` : number(signs.done);
  return [
    who,
    judged,
    signs.seconds === null ? NONE : `${signs.seconds.toFixed(1)} s`,
    ...[signs.left, signs.undecided, signs.gold, signs.same].map(shareWords),
    signs.doubts.length ? h("ul", { class: "doubts" }, signs.doubts.map(({ sentence }) => h("li", {}, sentence))) : "nothing",
    leaveOut(id, name, excluded, who, path),
  ];
}

/** A share with its interval: 38 of 40 (84 to 99 %). */
function shareWords({ count, of, low, high }) {
  if (!of) return NONE;
  const percent = (part) => Math.round(part * 100);
  return h("span", {}, `${number(count)} of ${number(of)} `, h("span", { class: "interval" }, `(${percent(low)} to ${percent(high)} %)`));
}

function leaveOut(id, name, excluded, who, path) {
  const button = h("button", { class: "button", type: "button" });
  const label = () => {
    button.textContent = excluded ? "Take in again" : "Leave out";
    button.setAttribute("aria-label", `${button.textContent}: ${name}`);
    who.querySelector("[data-out]").hidden = !excluded;
  };
  label();
  button.addEventListener("click", () =>
    attempt(button, saidOf(button), async () => {
      ({ excluded } = await call("PATCH", `${path}/care/${id}`, { excluded: !excluded }));
      label();
      saidOf(button).textContent = excluded ? `All that ${name} does is left out of training and exports. Nothing is deleted.` : `What ${name} does counts again.`;
    }),
  );
  return button;
}
