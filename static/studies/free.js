// What further free questions go on with, for whoever leads studies.

import { call } from "../api.js";
import { get } from "../kit.js";
import { onSubmit, saidOf } from "../people/parts.js";

const form = document.querySelector("[data-free]");
if (form) start(`/api/studies/${form.dataset.free}`);

async function start(path) {
  const said = saidOf(form);
  onSubmit(form, said, async ({ threads }) => {
    await call("PATCH", path, { plan: { threads } });
    said.textContent = "Saved. Conversations that have begun go on as they are.";
  });
  try {
    form.elements.threads.value = (await get(path)).study.plan.threads;
  } catch (error) {
    said.textContent = error.message;
  }
}
