// The page Join: what the link in the address is for, and the form by which it is used. The link's secret is taken out of
// the address at once, so that it stands in no history and on no screen.

import "../shell.js";
import { post } from "../kit.js";
import { leaveForProvider } from "./inside.js";
import { attempt, moment, onSubmit, sentence } from "./parts.js";

const form = document.querySelector("[data-join]");
const meant = document.querySelector("[data-meant]");
const wrong = form.querySelector(".wrong");
const WITHOUT = "A link of an administrator's leads here. This address has none; open the link itself.";

let link = "";
addEventListener("hashchange", begin); // another link, pasted into this tab
begin();

async function begin() {
  if (location.hash.length > 1) link = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  form.hidden = true;
  if (!link) return void (meant.textContent = WITHOUT);
  try {
    show(await post("/api/join/look", { link }));
  } catch (error) {
    meant.textContent = usedUp(error);
  }
}

function show({ role, expires_ms: expires, sets_password: setsPassword }) {
  const until = `The link is good until ${moment(expires)}.`;
  const [title, words, verb] = setsPassword
    ? ["A new password", `Choose a new password for your account. You are signed out everywhere else then. ${until}`, "Set password"]
    : ["Join", `You are invited as ${article(role)} ${role}. Choose the name and password to sign in by. ${until}`, "Join"];
  document.querySelector("h1").textContent = title;
  meant.textContent = words;
  form.querySelector("button").textContent = verb;
  const name = form.querySelector("[data-name]");
  name.hidden = form.elements.name.disabled = setsPassword;
  if (provider) provider.hidden = setsPassword;
  form.hidden = false;
  form.elements[setsPassword ? "password" : "name"].focus();
}

const article = (role) => (/^[aeiou]/.test(role) ? "an" : "a");

function usedUp(error) {
  const help = "Ask the administrator who gave it to you for a new one; if you have an account, sign in.";
  return error.status === 410 ? `This link has been used, or is too old. ${help}` : sentence(error.message);
}

onSubmit(form, wrong, async ({ name = "", password }) => {
  try {
    await post("/api/join", { link, name, password });
  } catch (error) {
    if (error.status !== 410) throw error;
    form.hidden = true;
    meant.textContent = usedUp(error);
    return;
  }
  location.assign("/");
});

const provider = form.querySelector("[data-provider]");
provider?.addEventListener("click", () => attempt(provider, wrong, () => leaveForProvider("/", link)));
