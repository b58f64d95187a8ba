// Small tools that the Runs, Curves and Data pages share: build elements, talk to the API, poll, say numbers in words.
// Knows no page.

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

/** The element, as soon as the page has it (Gradio builds its pages late). */
export function when(selector) {
  return new Promise((resolve) => {
    const look = () => document.querySelector(selector);
    if (look()) return resolve(look());
    const observer = new MutationObserver(() => {
      if (!look()) return;
      observer.disconnect();
      resolve(look());
    });
    observer.observe(document.documentElement, { childList: true, subtree: true });
  });
}

export class ApiError extends Error {
  constructor(status, body) {
    super(typeof body.detail === "string" ? body.detail : `The server answered ${status}.`);
    this.status = status;
    this.body = body;
  }
}

async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, body);
  return body;
}

/** GET as JSON. With `seen` (an object), an unchanged answer costs nothing and is null. */
export async function get(url, seen) {
  const headers = seen?.[url] ? { "If-None-Match": seen[url] } : {};
  const response = await fetch(url, { headers, cache: "no-store" });
  if (response.status === 304) return null;
  if (seen && response.ok) seen[url] = response.headers.get("ETag");
  return answer(response);
}

/** POST JSON, answer as JSON. Throws ApiError with the server's sentence. */
export async function post(url, body = {}) {
  return answer(
    await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  );
}

/** Call `work` now and then again `work`'s answer in milliseconds later; sleeps while the page is hidden. */
export function poll(work) {
  let timer = null;
  let busy = false;
  const tick = async () => {
    clearTimeout(timer);
    if (busy || document.hidden) return;
    busy = true;
    let pause = 5000;
    try {
      pause = (await work()) ?? 3000;
      say("");
    } catch (error) {
      say(error instanceof ApiError ? error.message : "The server does not answer; trying again.");
    } finally {
      busy = false;
      timer = setTimeout(tick, pause);
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

/** Ask before doing something that deserves a second thought; true if the person wants it. */
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
        h("button", { class: "button danger", onclick: () => dialog.close("yes") }, yes),
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

/** Put a version into the side-by-side; a bad verdict is put to the person first. True if it is served now. */
export async function serve(version) {
  try {
    await post(`/api/versions/${version.id}/serve`);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError) || !error.body.override) throw error;
    if (!(await ask("Its verdict speaks against it", error.message, "Put it in all the same", "Leave it out"))) return false;
    await post(`/api/versions/${version.id}/serve`, { override: true });
    return true;
  }
}

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
