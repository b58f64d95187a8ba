// The page Audit: the newest lines, of one kind if that is chosen, and older ones on demand. What each line says is told
// by `happened.js`.

import "../shell.js";
import { fill, get, h, say } from "../kit.js";
import { happened, who } from "./happened.js";
import { moment, table } from "./parts.js";

const PAGE = 50;

const list = document.querySelector("[data-lines]");
const kind = document.querySelector("[data-kind]");
const older = document.querySelector("[data-older]");
let lines = [];

kind.addEventListener("change", () => load([]));
older.addEventListener("click", () => load(lines));
load([]);

/** Show the lines known so far, and a page of those before them. */
async function load(known) {
  const last = known.at(-1);
  const wanted = new URLSearchParams({ limit: PAGE });
  if (kind.value) wanted.set("kind", kind.value);
  if (last) wanted.set("before_ms", last.at_ms);
  if (last) wanted.set("before_id", last.id);
  older.disabled = true;
  try {
    const more = await get(`/api/audit?${wanted}`);
    lines = [...known, ...more];
    older.hidden = more.length < PAGE;
    fill(list, lines.length ? table("What happened", ["When", "Who", "What", "From"], lines.map(row)) : h("p", { class: "hint" }, "Nothing of this kind."));
    say("");
  } catch (error) {
    say(error.message);
  } finally {
    older.disabled = false;
  }
}

const row = (line) => [h("time", { datetime: new Date(line.at_ms).toISOString() }, moment(line.at_ms)), who(line), happened(line), line.address || "–"];
