// The links by which workers of a platform outside come to a study: one for whoever comes, or one for each.

import { call } from "../api.js";
import { ask, fill, h, number, post } from "../kit.js";
import { isMember } from "../me.js";
import { attempt, once, onSubmit, saidOf } from "../people/parts.js";

const PLACEHOLDER = "{{%PROLIFIC_PID%}}";
const HINT = "As Prolific fills in its IDs; put in place of it what your platform writes there.";

const section = document.querySelector("[data-links]");
const form = section.querySelector("[data-for-workers]");
let path = "";
let changed = () => {};

/** Show them, if the study is open to workers. api: its address in the API; then(found): it was changed. */
export async function showLinks(study, api, then) {
  [path, changed] = [api, then];
  section.hidden = study.plan.audience !== "workers";
  if (section.hidden) return;
  if (!isMember()) return void (saidOf(form).textContent = "Workers need accounts: start the server with --team.");
  const [{ path: link }] = await post(`${path}/links`);
  fill(section.querySelector("[data-link]"), once("Link for workers", `${location.origin}${link}${PLACEHOLDER}`, HINT));
}

onSubmit(form, saidOf(form), async ({ workers }) => {
  const ids = [...new Set(workers.split(/\s+/).filter(Boolean))];
  const made = await post(`${path}/links`, { workers: ids });
  const lines = made.map((each) => `${each.worker}\t${location.origin}${each.path}`).join("\n");
  const field = h("textarea", { class: "field", rows: Math.min(made.length, 12), readonly: true, "aria-label": "Links, one in a line" });
  field.value = lines;
  fill(section.querySelector("[data-made]"), h("p", {}, `${number(made.length)} ${made.length === 1 ? "link" : "links"}: the ID, a tab, the link.`), field);
});

section.querySelector("[data-new-links]").addEventListener("click", async ({ currentTarget: button }) => {
  if (!(await ask("Make all links so far void?", "Whoever has one and has not come yet cannot come by it. Those who are here stay.", "Make them void"))) return;
  attempt(button, saidOf(form), async () => {
    const { study } = await call("GET", path);
    const plan = { ...study.plan, link_number: study.plan.link_number + 1 };
    const found = await call("PATCH", path, { plan });
    fill(section.querySelector("[data-made]"));
    changed(found);
    await showLinks(found.study, path, changed);
    saidOf(form).textContent = "The links so far are void; this is the new one.";
  });
});
