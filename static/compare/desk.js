// Working through a study: what is to be done now comes whole from the server, with how far one is; and the end.
//
// Knows the study, the line above the answers and the guidelines; not how a comparison is drawn.

import { call } from "../api.js";
import { guidelinesReadOf } from "../drafts.js";
import { behind, shareWords } from "../share.js";

const NOTHING = "Nothing is left for you just now. Others have the last items in view; look in again in a while.";
const DONE = "You have done all that there was for you here. Thank you.";

const UNKNOWN = "Whoever sent you here can give you the right link. Or choose one of the studies that are open to you, or ask what you like.";
const CLOSED = new Set([403, 404, 422]); // it is not open to whoever asks, not there, or its id is none

const ONWARD = "rlhb.goes-on"; // in localStorage

export class Desk {
  /** The desk of the study that the address names; null where people ask what they like. */
  static of(root) {
    const id = new URLSearchParams(location.search).get("study");
    return id ? new Desk(root, /^[0-9a-f-]{36}$/i.test(id) ? id : "unknown") : null;
  }

  constructor(root, id) {
    this.id = id;
    this.root = root;
    this.line = root.querySelector(".desk");
    this.end = root.querySelector(".finished");
    this.line.hidden = false;
    this.formats = []; // what is asked for
    root.dataset.desk = id;
    root.dataset.phase = "asked";
    root.querySelector("[data-next]").firstChild.data = "Next item";
    this.onward = this.line.querySelector("[data-onward]");
    this.onward.checked = kept(ONWARD) === "yes";
    this.onward.addEventListener("change", () => keep(ONWARD, this.onward.checked));
    this.end.querySelector("button").addEventListener("click", () => location.reload());
  }

  /** Whether the next item comes by itself once all is said of this one. */
  get goesOnByItself() {
    return this.onward.checked;
  }

  /** What is to be done now: {query_id, view, ...}, or without a view if there is nothing. Throws ApiError. */
  async next() {
    let task;
    try {
      task = await call("POST", `/api/studies/${this.id}/next`);
    } catch (error) {
      if (!CLOSED.has(error.status)) throw error;
      return this.#refused(error);
    }
    this.formats = task.formats;
    this.#show(task);
    return task;
  }

  /** Whether the guidelines of a task are to be read before it: by those that hold, nothing was ended yet, nor begun in this tab. */
  isNew({ guidelines, knows_guidelines: isKnown }) {
    return !isKnown && Number(sessionStorage.getItem(guidelinesReadOf(this.id))) < guidelines;
  }

  /** They were read. */
  begin({ guidelines }) {
    sessionStorage.setItem(guidelinesReadOf(this.id), String(guidelines));
  }

  /** Something else than what is to be done now is in view. */
  aside() {
    this.end.hidden = true;
  }

  /** Nothing can be done here: say why, and where else. */
  #refused({ status, message }) {
    this.line.hidden = true;
    this.end.hidden = false;
    const isThere = status === 403;
    this.end.querySelector("h2").textContent = isThere ? "This study is not open to you" : "There is no such study";
    this.end.querySelector("p").textContent = isThere ? `${message[0].toUpperCase()}${message.slice(1)}. ${UNKNOWN}` : UNKNOWN;
    const again = this.end.querySelector("button");
    again.replaceWith(Object.assign(document.createElement("a"), { className: "button", href: "/", textContent: "Ask what you like" }));
    return { view: null, formats: [] };
  }

  #show(task) {
    const { name, mine, view, finished, completion_code: code } = task;
    this.line.querySelector("[data-desk-name]").textContent = name;
    this.line.querySelector("[data-desk-far]").textContent = shareWords(task);
    Object.assign(this.line.querySelector("progress"), { max: Math.max(mine, 1), value: behind(task) });
    this.end.hidden = Boolean(view);
    if (view) return;
    this.end.querySelector("p").textContent = finished ? DONE : NOTHING;
    this.end.querySelector("[data-code]").hidden = !code;
    this.end.querySelector("[data-code] b").textContent = code;
  }
}

function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function keep(name, isOn) {
  try {
    if (isOn) localStorage.setItem(name, "yes");
    else localStorage.removeItem(name);
  } catch {
    // forbidden: it holds until the page is left
  }
}
