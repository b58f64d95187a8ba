// The page You: name, password, where one is signed in, consent and recording, erasing. Tokens have a module of their own;
// pausing and resuming are the header's (`me.js`), on whose buttons this page has one too.

import "../shell.js";
import { call } from "../api.js";
import { dropDrafts } from "../drafts.js";
import { ago, ask, fill, get, h, post } from "../kit.js";
import { askForConsent, forgetDrafts, refreshPerson, tellChanged } from "../me.js";
import { forgetOutboxesOf } from "../outbox.js";
import { attempt, gone, moment, onSubmit, saidOf, sentence, table } from "./parts.js";
import { startTokens } from "./tokens.js";

const FAREWELL = "rlhb.farewell"; // in sessionStorage: what the page Sign in says to somebody who has left

const find = (selector) => document.querySelector(selector);

start();

async function start() {
  name();
  password();
  endAll();
  consent();
  erasing("[data-erase-records]", "Erase all that you did here?", { confirm: true }, "");
  erasing("[data-erase-all]", "Erase all that you did, and your account?", { confirm: true, account: true }, "/sign-in");
  await Promise.all([showMe(), showSessions(), showConsent(), find("[data-tokens]") && startTokens()]);
}

async function showMe() {
  const me = await get("/api/me");
  find("[data-name-form]").elements.name.value = me.display_name;
  find("[data-password-form]").elements.username.value = me.display_name;
}

function name() {
  const form = find("[data-name-form]");
  onSubmit(form, saidOf(form), async ({ name }) => {
    const me = await call("PATCH", "/api/me", { display_name: name });
    form.elements.name.value = me.display_name;
    saidOf(form).textContent = `Saved. From now on you sign in as ${me.display_name}.`;
    await refreshPerson();
    tellChanged();
  });
}

function password() {
  const form = find("[data-password-form]");
  onSubmit(form, saidOf(form), async ({ current, password }) => {
    await call("PUT", "/api/me/password", { current, password });
    form.elements.current.value = form.elements.password.value = "";
    saidOf(form).textContent = "Changed. You are signed in here only.";
    await showSessions();
  });
}

// --- sessions ----------------------------------------------------------------------------------------

async function showSessions() {
  const sessions = await get("/api/sessions");
  fill(find("[data-sessions]"), table("Sessions", ["Browser", "From", "Since", "Last seen", ""], sessions.map(sessionRow)));
}

function sessionRow({ id, agent, address, created_ms: since, seen_ms: seen, here }) {
  const end = async ({ currentTarget: button }) => {
    if (await attempt(button, saidOfSessions(), () => call("DELETE", `/api/sessions/${id}`))) {
      await showSessions();
      gone(find("[data-sessions]"), "That session has ended.");
    }
  };
  const button = h("button", { class: "button", type: "button", onclick: end, "aria-label": `End: sign out ${agent} of ${moment(since)}` }, "End");
  return [agent, address, moment(since), ago(seen), here ? h("span", { class: "tag" }, "this one") : button];
}

const saidOfSessions = () => saidOf(find("[data-sessions]"));

function endAll() {
  const button = find("[data-sign-out-everywhere]");
  button.addEventListener("click", async () => {
    if (await attempt(button, saidOfSessions(), () => call("DELETE", "/api/sessions"))) leave();
  });
}

function leave() {
  dropDrafts();
  tellChanged();
  location.assign("/sign-in");
}

// --- consent -----------------------------------------------------------------------------------------

function consent() {
  find("[data-read-again]").addEventListener("click", async () => {
    if (await askForConsent()) find("#of-data ~ .said").textContent = "Your answer is stored.";
    await showConsent();
  });
  addEventListener("rlhb:recording", showConsent);
}

async function showConsent() {
  const { version, agreed, answered_ms: answered } = await get("/api/me/consent");
  find("[data-read-again]").hidden = !version;
  find("[data-consent]").textContent = !version ? "" : whatWasSaid(agreed, answered);
}

function whatWasSaid(agreed, answered) {
  if (agreed === null) return "Asked whether we may record how you read, you have not answered yet: nothing of it is recorded.";
  const answer = agreed ? "yes, record how I read" : "no, only what I say";
  return `Asked whether we may record how you read, you answered “${answer}” on ${moment(answered)}.`;
}

// --- erasing -----------------------------------------------------------------------------------------

/** A button that erases, if `title` is confirmed; afterwards to `next`, if that is said. What may be left is told here or there. */
function erasing(selector, title, body, next) {
  const button = find(selector);
  const said = saidOf(button);
  const usual = button.textContent;
  button.addEventListener("click", async () => {
    if (!(await ask(title, "Every query, answer, vote and reaction goes. This cannot be undone.", "Erase it"))) return;
    button.textContent = "Erasing …";
    const done = await attempt(button, said, async () => {
      const { id, pending } = await post("/api/me/erase", body);
      forgetOutboxesOf(id);
      forgetDrafts();
      said.textContent = `Everything of you is erased. ${pending && sentence(pending)}`;
    });
    button.textContent = usual;
    if (!done) return;
    if (!next) return void (await refreshPerson());
    sessionStorage.setItem(FAREWELL, said.textContent);
    location.assign(next);
  });
}
