// What somebody was writing. The tab has it at once, so that it survives a refresh; the server has it a moment later, for their
// next page, on whatever device. Where people sign in, a draft of a tab is one person's; it goes when they sign out, and
// everywhere when they erase.

import { call } from "./api.js";

const PREFIX = "rlhb.draft"; // in sessionStorage, as what follows: each tab has its own
const PAUSE_MS = 1_000; // after the last key

/** Where it is kept which comparison a tab shows, with its question, so that a refresh restores it. */
export const SHOWN = "rlhb.tab";

const atServer = new Map(); // about -> text, as far as is known here
const waiting = new Map(); // about -> {text, timer}: what the server is to have
const underWay = new Set(); // promises

/** One matter that somebody writes about. */
export class Draft {
  constructor(about, key) {
    this.about = about;
    this.key = key;
  }

  /** What was written so far, here or on another page of theirs; null if nothing was. */
  get text() {
    return read(this.key) ?? atServer.get(this.about) ?? null;
  }

  /** This is what is written now. */
  set text(text) {
    keepHere(this.key, text);
    this.#later(text);
  }

  /** As `text`, for this tab alone. */
  keepHere(text) {
    keepHere(this.key, text);
  }

  /** It was sent, or is given up: here, unless it is to stay here, and on the server. */
  letGo({ here = true } = {}) {
    if (here) keepHere(this.key, null);
    if (atServer.has(this.about) || waiting.has(this.about)) this.#later("", 0);
    atServer.delete(this.about);
  }

  #later(text, pause = PAUSE_MS) {
    clearTimeout(waiting.get(this.about)?.timer);
    waiting.set(this.about, { text, timer: setTimeout(() => send(this.about), pause) });
  }
}

/** The next question; without accounts, nobody's in particular. */
export const questionDraft = (personId = "") => new Draft("question", personId ? `${PREFIX}.${personId}` : PREFIX);

/** A comment on an answer; an answer is shown to one person only. */
export const critiqueDraft = (responseId) => new Draft(`critique.${responseId}`, `${PREFIX}.critique.${responseId}`);

/** Another version of an answer. */
export const editDraft = (responseId) => new Draft(`edit.${responseId}`, `${PREFIX}.edit.${responseId}`);

/** Ask the server what was written on other pages; resolves in any case. */
export async function fetchDrafts() {
  try {
    for (const { about, text } of await call("GET", "/api/me/drafts")) atServer.set(about, text);
  } catch {
    // not to be reached: the tab has its own
  }
}

/** Send at once what the server is still to have; resolves when it has it, or cannot be reached. */
export async function draftsKept() {
  for (const [about, { timer }] of [...waiting]) {
    clearTimeout(timer);
    send(about);
  }
  await Promise.all(underWay);
}

/** Drop all drafts of this tab, and which comparison it shows. */
export function dropDrafts() {
  const written = Object.keys(sessionStorage).filter((each) => each.startsWith(PREFIX) || each === SHOWN);
  for (const key of written) sessionStorage.removeItem(key);
  for (const { timer } of waiting.values()) clearTimeout(timer);
  waiting.clear();
  atServer.clear();
}

function send(about, options = {}) {
  const sent = put(about, options).finally(() => underWay.delete(sent));
  underWay.add(sent);
}

async function put(about, options) {
  const { text } = waiting.get(about);
  waiting.delete(about);
  if (text) atServer.set(about, text);
  else atServer.delete(about);
  try {
    await call("PUT", `/api/me/drafts/${about}`, { text }, options);
  } catch {
    // not to be reached, or too long: the tab has it, and the next word tries again
  }
}

// Whoever leaves in the middle of a word finds it again.
addEventListener("pagehide", () => {
  for (const [about, { timer }] of [...waiting]) {
    clearTimeout(timer);
    send(about, { keepalive: true });
  }
});

function read(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

function keepHere(key, text) {
  try {
    if (text === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, text);
  } catch {
    // full or forbidden: it is there until the page is left
  }
}

/** Where it is kept by which version of a study's guidelines somebody has begun to work. */
export const guidelinesReadOf = (studyId) => `${PREFIX}.guidelines.${studyId}`;
