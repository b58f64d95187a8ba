// The person in the header: name, today's count, recording on or paused, download and erase.
// The tracker listens to the "rlhb:recording" event; whoever changes the count calls `refreshPerson`.

import { call } from "./api.js";

const PATIENCE_MS = 3_000; // for what was recorded before a pause to be sent

const state = { me: null };
let toggled = 0; // how often
let know;

/** Resolves once the server has said whether this person is recorded. */
export const known = new Promise((resolve) => (know = resolve));

/** Whether passive signals may be recorded. Until the server has answered, nothing is known, so nothing is recorded. */
export function isRecording() {
  return state.me?.recording === true;
}

/** Whether the person has paused. Before the server has answered they may have: see `known`. */
export function isPaused() {
  return state.me?.recording === false;
}

/** Connect the header and fetch the person. */
export function startPerson() {
  for (const button of document.querySelectorAll("[data-recording-toggle]")) {
    button.addEventListener("click", toggleRecording);
  }
  document.querySelector("[data-person-form]")?.addEventListener("submit", saveName);
  document.querySelector("[data-erase]")?.addEventListener("click", erase);
  addEventListener("online", refreshPerson);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refreshPerson());
  return refreshPerson();
}

/** Fetch the person again: another tab may have paused, a vote has raised the count. */
export async function refreshPerson() {
  try {
    show(await call("GET", "/api/me"));
  } catch {
    // Offline: what is shown stays as it was.
  }
}

function show(me) {
  const changed = state.me?.recording !== me.recording;
  state.me = me;
  know();
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

async function toggleRecording() {
  const wanted = !isRecording();
  const turn = ++toggled;
  // Pausing takes effect here at once, whatever the network does.
  if (!wanted && state.me) show({ ...state.me, recording: false });
  try {
    if (!wanted) await toldBefore();
    if (turn !== toggled) return; // they have resumed meanwhile
    show(await call("PATCH", "/api/me", { recording: wanted }));
    note(wanted ? "Recording is on again." : "Paused: nothing about your reading is recorded. Votes and marks still count.");
  } catch (error) {
    note(`${error.message} ${wanted ? "Still paused." : "Paused on this page; press again when you are back online."}`);
  }
}

/** What was recorded before the pause reaches the server before it, or would be taken for what came after. */
async function toldBefore() {
  const sending = [];
  dispatchEvent(new CustomEvent("rlhb:pausing", { detail: sending }));
  await Promise.race([Promise.allSettled(sending), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
}

async function saveName(event) {
  event.preventDefault();
  const field = event.target.elements.display_name;
  field.blur();
  try {
    show(await call("PATCH", "/api/me", { display_name: field.value.trim() }));
    note("Saved.");
  } catch (error) {
    note(error.message);
  }
}

async function erase(event) {
  const button = event.currentTarget;
  if (!button.classList.contains("sure")) {
    button.classList.add("sure");
    button.textContent = "Yes, erase everything of mine";
    note("Press again to erase. This cannot be undone.");
    setTimeout(() => reset(button), 8000);
    return;
  }
  try {
    dispatchEvent(new Event("rlhb:erase"));
    await call("POST", "/api/me/erase", { confirm: true });
    location.assign("/");
  } catch (error) {
    reset(button);
    note(error.message);
  }
}

function reset(button) {
  button.classList.remove("sure");
  button.textContent = "Erase my data";
}

function note(text) {
  document.querySelectorAll("[data-person-note]").forEach((element) => (element.textContent = text));
}
