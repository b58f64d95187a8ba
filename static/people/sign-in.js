// The page Sign in: by name and password, or by a provider outside; then on to the page that was wanted.

import "../shell.js";
import { h, post } from "../kit.js";
import { inside, leaveForProvider } from "./inside.js";
import { attempt, onSubmit } from "./parts.js";

const form = document.querySelector("[data-sign-in]");
const wrong = form.querySelector(".wrong");
const next = inside(new URLSearchParams(location.search).get("next"));

onSubmit(form, wrong, async ({ name, password }) => {
  try {
    await post("/api/sign-in", { name, password });
  } catch (error) {
    form.elements.password.value = "";
    form.elements.password.focus();
    throw error;
  }
  location.assign(next);
});

const farewell = sessionStorage.getItem("rlhb.farewell"); // what the page You has to say at the end
if (farewell) form.before(h("p", { class: "lead", role: "status" }, farewell));
sessionStorage.removeItem("rlhb.farewell");

const provider = form.querySelector("[data-provider]");
provider?.addEventListener("click", () => attempt(provider, wrong, () => leaveForProvider(next.slice(location.origin.length))));
