// The page Take part: a worker of a platform outside comes by a study's link, which names the study and, where the platform has
// filled it in, the worker.

import "../shell.js";
import { post } from "../kit.js";
import { onSubmit } from "./parts.js";

const form = document.querySelector("[data-work]");
const wrong = form.querySelector(".wrong");
const link = new URLSearchParams(location.search);
const study = link.get("study") ?? "";
const key = link.get("key") ?? "";
const worker = link.get("worker") ?? "";

if (!/^[0-9a-f-]{36}$/i.test(study) || !key) {
  wrong.textContent = "This link is not whole. Open it again as it was given to you, or ask whoever gave it.";
  form.querySelector("button").disabled = true;
} else if (/^[!-~]+$/.test(worker) && !/[{}%$]/.test(worker)) {
  form.elements.worker.value = worker; // or the platform has left its placeholder as it was
}
(form.elements.worker.value ? form.querySelector("button") : form.elements.worker).focus();

onSubmit(form, wrong, async ({ worker: id }) => {
  await post("/api/work", { study, key, worker: id });
  location.assign(`/?study=${study}`);
});
