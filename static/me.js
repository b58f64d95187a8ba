// The person in the header: name, today's count, recording on or paused, download and erase; signing out.
// The tracker listens to the "rlhb:recording" event; whoever changes the count calls `refreshPerson`. Where the server
// wants to ask for consent, nothing is recorded before the answer, and "resume" is that question; and after a no it is again.

import { call } from "./api.js";
import { dropDrafts } from "./drafts.js";
import { onTabsTold, tellTabs } from "./tabs.js";
import { twice } from "./twice.js";

const PATIENCE_MS = 3_000; // for what was recorded before a pause to be sent

const state = { me: null };
let toggled = 0; // how often
let asked = false; // for consent, by this page
let know;

/** Resolves with the person's id once the server has said who this is and whether they are recorded. */
export const known = new Promise((resolve) => (know = resolve));

/** Whether passive signals may be recorded. Until the server has answered, nothing is known, so nothing is recorded. */
export function isRecording() {
  return state.me?.recording === true;
}

/** Whether the person has paused. Before the server has answered they may have: see `known`. */
export function isPaused() {
  return state.me?.recording === false;
}

/** Whether one signs in here. The header says so, and the role with it. */
export const isMember = () => Boolean(memberLine());

/** Whether one may decide what is compared. */
export const isAdministrator = () => (memberLine()?.dataset.personRole ?? "administrator") === "administrator";

/** Whether one may lead studies and train. */
export const isResearcher = () => !["annotator", "worker"].includes(memberLine()?.dataset.personRole);

/** Whether somebody has come for one study only, and asks nothing of their own. */
export const isWorker = () => memberLine()?.dataset.personRole === "worker";

const memberLine = () => document.querySelector("[data-person-role]");

/** Connect the header and fetch the person; a page without one, before signing in, has nobody to fetch. */
export async function startPerson() {
  if (!document.querySelector("[data-person-name]")) return;
  for (const button of document.querySelectorAll("[data-recording-toggle]")) {
    button.addEventListener("click", toggleRecording);
  }
  document.querySelector("[data-person-form]")?.addEventListener("submit", saveName);
  const eraser = document.querySelector("[data-erase]");
  if (eraser) twice(eraser, "Yes, erase everything of mine", erase, () => note("Press again to erase. This cannot be undone."));
  document.querySelector("[data-sign-out]")?.addEventListener("click", signOut);
  addEventListener("rlhb:signed-out", showSignedOut);
  addEventListener("pageshow", (event) => event.persisted && cameBack());
  if (isMember()) addEventListener("focus", refreshPerson); // somebody else may have signed in, in another window
  addEventListener("online", refreshPerson);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refreshPerson());
  onTabsTold(hear);
  await refreshPerson();
  if (state.me) tellTabs({ here: state.me.id }); // they may have signed in just now
}

/** Another tab has changed something of the person, or a person has come to it. */
function hear({ here, erased }) {
  if (erased) dropDrafts();
  if (!here || here !== state.me?.id || isSignedOut()) refreshPerson();
}

/** Something of the person has been changed by this page: the other tabs of the browser ask the server what. */
export const tellChanged = () => tellTabs({ changed: true });

/** What somebody was writing goes with what they have erased, in all tabs. */
export function forgetDrafts() {
  dropDrafts();
  tellTabs({ erased: true });
}

/** The browser has kept the page as it stood, which may be of somebody who has signed out since. */
function cameBack() {
  if (!isMember()) return refreshPerson();
  document.documentElement.style.visibility = "hidden"; // until it is known whose page this is to be
  location.reload();
}

/** Ask the server who this is, and show it; the page is loaded anew if it is somebody else. Throws without an answer. */
export async function lookWhoThisIs() {
  show(await call("GET", "/api/me"));
}

/** Whether the page says that nobody is signed in, as far as it knows. */
export const isSignedOut = () => Boolean(document.querySelector(".signed-out"));

/** Fetch the person again: another tab may have paused, a vote has raised the count. */
export async function refreshPerson() {
  try {
    await lookWhoThisIs();
  } catch {
    return; // Offline, or signed out: what is shown stays as it was.
  }
  if (state.me.asked && !asked) await askForConsent();
}

/** Ask whether their reading may be recorded, unless that dialog is open; true if there was an answer. */
export async function askForConsent() {
  asked = true;
  const { askConsent } = await import("./people/consent.js");
  try {
    const me = await askConsent();
    if (me) showChanged(me);
    return Boolean(me);
  } catch (error) {
    note(error.message);
    return false;
  }
}

function show(me) {
  if (me.account && state.me && state.me.id !== me.id) return location.reload(); // somebody else has signed in
  const changed = state.me?.recording !== me.recording;
  const back = document.querySelector(".signed-out");
  state.me = me;
  know(me.id);
  back?.remove();
  if (back) dispatchEvent(new Event("rlhb:signed-in"));
  document.querySelector("[data-recording]")?.classList.toggle("paused", !me.recording);
  for (const element of document.querySelectorAll("[data-recording-says]")) {
    element.innerHTML = me.recording
      ? 'Recording<span class="wide-only"> how you read and react</span>'
      : 'Recording paused';
  }
  for (const button of document.querySelectorAll("[data-recording-toggle]")) {
    const long = button.classList.contains("button");
    button.textContent = (me.recording ? "pause" : "resume") + (long ? " recording" : "");
    if (long) button.textContent = button.textContent.replace(/^./, (c) => c.toUpperCase());
  }
  const name = me.display_name || "You";
  document.querySelectorAll("[data-person-name]").forEach((element) => (element.textContent = name));
  document.querySelectorAll("[data-person-today]").forEach((element) => (element.textContent = `${me.today ?? 0} today`));
  const field = document.querySelector("[data-person-form] input");
  if (field && document.activeElement !== field) field.value = me.display_name;
  if (changed) dispatchEvent(new CustomEvent("rlhb:recording", { detail: me.recording }));
}

function showChanged(me) {
  show(me);
  tellChanged();
}

async function toggleRecording() {
  if (state.me?.asked || (state.me?.declined && !isRecording())) return void (await askForConsent());
  const wanted = !isRecording();
  const turn = ++toggled;
  // Pausing takes effect here at once, whatever the network does.
  if (!wanted && state.me) show({ ...state.me, recording: false });
  try {
    if (!wanted) await toldBefore();
    if (turn !== toggled) return; // they have resumed meanwhile
    showChanged(await call("PATCH", "/api/me", { recording: wanted }));
    note(wanted ? "Recording is on again." : "Paused: nothing about your reading is recorded. Votes and marks still count.");
  } catch (error) {
    if (wanted && error.status === 403) return void (await askForConsent()); // the text has changed meanwhile
    note(`${error.message} ${wanted ? "Still paused." : "Paused on this page; press again when you are back online."}`);
  }
}

/** What was recorded before the pause reaches the server before it, or would be taken for what came after. */
async function toldBefore(sending = []) {
  dispatchEvent(new CustomEvent("rlhb:pausing", { detail: sending }));
  await Promise.race([Promise.allSettled(sending), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
}

async function saveName(event) {
  event.preventDefault();
  const field = event.target.elements.display_name;
  field.blur();
  try {
    showChanged(await call("PATCH", "/api/me", { display_name: field.value.trim() }));
    note("Saved.");
  } catch (error) {
    note(error.message);
  }
}

async function erase(reset) {
  try {
    dispatchEvent(new Event("rlhb:erase"));
    await call("POST", "/api/me/erase", { confirm: true });
    forgetDrafts();
    location.assign("/");
  } catch (error) {
    reset();
    note(error.message);
  }
}

async function signOut() {
  try {
    const { sendOutboxesOf } = await import("./outbox.js");
    await toldBefore(state.me ? [sendOutboxesOf(state.me.id)] : []);
    await call("POST", "/api/sign-out");
  } catch (error) {
    if (error.status !== 401) return note(error.message); // 401: they are out already
  }
  dropDrafts();
  tellChanged();
  location.assign("/sign-in");
}

/** What is waiting to be sent stays in the outbox; `show` takes this away again. */
function showSignedOut() {
  if (isSignedOut()) return;
  const line = document.createElement("p");
  const link = document.createElement("a");
  line.className = "signed-out";
  line.setAttribute("role", "alert");
  link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = "Sign in again";
  document.querySelector(".site").after(line);
  line.append("You are signed out. What you did is kept here. ", link);
}

function note(text) {
  document.querySelectorAll("[data-person-note]").forEach((element) => (element.textContent = text));
}
