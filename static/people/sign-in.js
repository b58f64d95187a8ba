// The page Sign in: by name and password, or by a provider outside; then on to the page that was wanted.

import "../shell.js";
import { h, post } from "../kit.js";
import { inside, leaveForProvider } from "./inside.js";
import { attempt, onSubmit } from "./parts.js";

const REFUSED = {
  NotInvited: "You have no account here yet. Ask an administrator for an invitation.",
  Deactivated: "This account is deactivated. Ask an administrator.",
  BadLink: "The invitation has been used, or is too old. Ask for a new one.",
  NotVouchedFor: "That sign-in took too long, or was refused there. Begin again.",
  NoProvider: "The provider does not answer just now. Sign in by name, or try again later.",
};

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

const refused = new URLSearchParams(location.search).get("refused"); // why a provider outside led to nothing
if (refused) wrong.textContent = (Object.hasOwn(REFUSED, refused) && REFUSED[refused]) || "That did not work. Please try again.";

const provider = form.querySelector("[data-provider]");
provider?.addEventListener("click", () => attempt(provider, wrong, () => leaveForProvider(next.slice(location.origin.length))));
