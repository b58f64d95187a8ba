// Small tools that the pages beside Compare share: build elements, talk to the API, poll, say numbers in words.
// Knows no page.

import { ApiError, call, noticeSignedOut, sentenceOf } from "./api.js";
import { isAdministrator } from "./me.js";

export { ApiError };

/** An element: h("p", {class: "sub", onclick: f}, "text", child). Text is always text, never markup. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** GET as JSON; null if nothing has changed since `seen` (kept by the caller: address -> ETag) last saw it. */
export async function get(url, seen = {}) {
  let answer;
  try {
    answer = await fetch(url, { headers: seen[url] ? { "If-None-Match": seen[url] } : {}, cache: "no-store" });
  } catch {
    throw new ApiError("The server cannot be reached just now.", 0);
  }
  if (answer.status === 304) return null;
  noticeSignedOut(answer);
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new ApiError(sentenceOf(body, answer.status), answer.status, body);
  seen[url] = answer.headers.get("ETag");
  return body;
}

/** POST JSON; throws ApiError with the server's sentence. */
export const post = (url, body = {}) => call("POST", url, body);

/**
 * Call `work` now, and again after the milliseconds that it answers; sleeps while the page is hidden.
 * Returns a function that calls it at once.
 */
export function poll(work) {
  let timer = null;
  let busy = false;
  let again = false;
  let troubled = false; // what somebody else has said stays
  const tick = async () => {
    clearTimeout(timer);
    again = busy;
    if (busy || document.hidden) return;
    busy = true;
    let pause = 5000;
    try {
      pause = await work();
      if (troubled) say("");
      troubled = false;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      troubled = true;
      say(error.message);
    } finally {
      busy = false;
      timer = setTimeout(tick, again ? 0 : pause);
    }
  };
  document.addEventListener("visibilitychange", tick);
  tick();
  return tick;
}

/** One quiet line at the foot of the window, read out to screen readers; empty takes it away. */
export function say(text) {
  let line = document.getElementById("page-says");
  if (!line && !text) return;
  if (!line) {
    line = h("div", { id: "page-says", role: "status" });
    document.body.append(line);
  }
  line.textContent = text;
  line.hidden = !text;
}

/** Ask before doing something that deserves a second thought; true if the person wants it. The second half of a double click is no yes. */
export function ask(title, text, yes, no = "Leave it") {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { class: "pop centre", "aria-label": title },
      h("h2", {}, title),
      h("p", {}, text),
      h(
        "div",
        { class: "row" },
        h("button", { class: "button primary", autofocus: true, onclick: () => dialog.close("no") }, no),
        h("button", { class: "button danger", onclick: ({ detail }) => detail > 1 || dialog.close("yes") }, yes),
      ),
    );
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Put a version into the side-by-side; a verdict that does not speak for it is put to the person first. True if it is served now. */
export async function serve(version) {
  try {
    await post(`/api/versions/${version.id}/serve`);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError) || !error.body?.override) throw error;
    const title = version.offer.kind === "withheld" ? "Its verdict speaks against it" : "Its verdict does not speak for it";
    if (!(await ask(title, error.message, "Put it in all the same", "Leave it out"))) return false;
    await post(`/api/versions/${version.id}/serve`, { override: true });
    return true;
  }
}

/** What a button has that changes what everybody compares: for all but administrators it says why it does nothing. */
export const forAdministrators = () => (isAdministrator() ? {} : { disabled: true, title: "Administrators decide what is compared." });

/** 1234.5 -> "1,235"; 0.01234 -> "0.0123". */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** Seconds as people say them: "40 s", "3 min", "1 h 20 min". */
export function span(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60 ? `${minutes % 60} min` : ""}`.trim();
}

/** A moment as people say it. */
export function ago(ms) {
  const seconds = (Date.now() - ms) / 1000;
  if (seconds < 50) return "just now";
  if (seconds < 20 * 3600) return `${span(seconds)} ago`;
  return new Date(ms).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

export const dot = (arm) => h("i", { class: "dot", "data-arm": arm, "aria-hidden": "true" });
export const isDark = () => document.documentElement.dataset.theme === "dark";
export const isGoing = (run) => run.status === "running" || run.status === "queued";
