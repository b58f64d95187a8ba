// The outbox: a signal stays in this browser until the server has acknowledged it.
//
// Every page has an outbox of its own in localStorage (tabs that share one overwrite each other), and holds a lock
// named after it while it lives. A page adopts the outboxes of dead pages: those whose lock is free. Re-sending is
// harmless, because every signal has an id made here and the server keeps each id once.
//
// Where people sign in, an outbox belongs to one person, whose id is in its name: the others' outboxes are left alone,
// and the server is told whose signals they are, so that it takes none after somebody else has signed in. While nobody
// is signed in they stay. Knows nothing of what the signals mean.

import { call } from "./api.js";
import { nowMs } from "./clock.js";

const PREFIX = "rlhb.outbox.";
const PATH = "/api/signals";
const BATCH = 100; // signals
const BATCH_BYTES = 55_000; // a request that outlives its page may hold 64 kB
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 5_000; // longer, and a person waits for a server that is back

export class Outbox extends EventTarget {
  /**
   * Events: "change" whenever `waiting` or `stuck` may have changed.
   * owner: a promise of the person's id, until which nothing is sent; null where nobody signs in.
   */
  constructor(pageId, owner = null, path = PATH) {
    super();
    this.pageId = pageId;
    this.path = path;
    this.signals = [];
    this.receipts = new Map(); // signal id -> {resolve, reject}
    this.sending = null;
    this.stuck = false; // the last attempt failed
    this.wait = FIRST_WAIT_MS;
    this.timer = 0;
    this.out = false; // nobody is signed in, or somebody else
    addEventListener("online", () => this.flush());
    addEventListener("rlhb:signed-in", () => this.flush());
    addEventListener("rlhb:erase", () => this.forget());
    addEventListener("rlhb:pausing", (event) => event.detail.push(this.flush()));
    /** Resolves once it was tried to send what dead pages left behind. */
    this.adopted = owner
      ? owner.then((id) => this.#begin(prefixOf(id), ofPerson(path, id)))
      : this.#begin(PREFIX, path);
  }

  /** Whose outbox it is, is known: what was put into it so far is kept and sent, and what was left behind. */
  #begin(prefix, path) {
    this.prefix = prefix;
    this.path = path;
    this.key = prefix + this.pageId;
    navigator.locks?.request(this.key, () => new Promise(() => {})); // held until the page is gone
    const adopted = this.adopt();
    if (this.signals.length) this.#persist();
    if (this.signals.length) this.flush();
    return adopted;
  }

  get waiting() {
    return this.signals.length;
  }

  /** Keep a signal; it is sent within `withinMs`. Resolves when acknowledged, rejects when refused. */
  add(signal, withinMs = 0) {
    const receipt = new Promise((resolve, reject) => this.receipts.set(signal.id, { resolve, reject }));
    receipt.catch(() => {}); // a refusal is not an unhandled error for those who do not wait for it
    this.signals.push(signal);
    this.#persist();
    this.#schedule(withinMs);
    return receipt;
  }

  /** Send what is waiting, now. */
  flush() {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.key) return Promise.resolve(); // sent as soon as it is known whose they are
    this.sending ??= this.#sendAll().finally(() => (this.sending = null));
    return this.sending;
  }

  /** The page may be going: send without waiting for an answer. What is not acknowledged stays kept. */
  leave() {
    if (!this.key) return;
    for (const batch of batches(this.signals)) {
      const body = JSON.stringify(envelope(batch));
      try {
        fetch(this.path, {
          method: "POST",
          keepalive: true,
          headers: { "Content-Type": "application/json" },
          body,
        }).catch(() => {});
      } catch {
        navigator.sendBeacon?.(this.path, new Blob([body], { type: "application/json" }));
      }
    }
  }

  /** Send what dead pages left behind. */
  adopt() {
    return sendAllLeftBehind(this.prefix, this.path, this.key);
  }

  /** Drop everything, in all of this person's outboxes in this browser: they have asked to be erased. */
  forget() {
    this.signals = [];
    if (this.prefix) forgetAll(this.prefix);
  }

  #schedule(withinMs) {
    if (this.out && withinMs) return; // until they are back; what is done on purpose is tried
    if (this.stuck && this.timer) {
      if (!withinMs) this.flush(); // what is done on purpose is tried at once; all else waits, or for `online`
      return;
    }
    const due = performance.now() + withinMs;
    if (this.timer && this.due <= due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => this.flush(), withinMs);
  }

  async #sendAll() {
    while (this.signals.length) {
      const batch = batches(this.signals)[0];
      let refused;
      try {
        refused = await send(batch, this.path);
      } catch (error) {
        this.stuck = true;
        this.out = error.status === 401;
        this.dispatchEvent(new Event("change"));
        this.timer = 0;
        if (!this.out) this.#backOff();
        return;
      }
      this.stuck = this.out = false;
      this.wait = FIRST_WAIT_MS;
      this.#settle(batch, refused);
    }
  }

  #backOff() {
    const wait = this.wait;
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
    this.due = performance.now() + wait;
    this.timer = setTimeout(() => this.flush(), wait);
  }

  #settle(batch, refused) {
    const done = new Set(batch.map((signal) => signal.id));
    this.signals = this.signals.filter((signal) => !done.has(signal.id));
    this.#persist();
    for (const { id } of batch) {
      const receipt = this.receipts.get(id);
      this.receipts.delete(id);
      if (refused.has(id)) receipt?.reject(new Error(refused.get(id)));
      else receipt?.resolve();
    }
  }

  #persist() {
    if (!this.key) return;
    try {
      if (this.signals.length) localStorage.setItem(this.key, JSON.stringify(this.signals));
      else localStorage.removeItem(this.key);
    } catch {
      // Storage is full or forbidden: the signals live in memory until they are sent.
    }
    this.dispatchEvent(new Event("change"));
  }
}

/** Drop all that one person has left in this browser, from a page that has no outbox itself. */
export const forgetOutboxesOf = (personId) => forgetAll(prefixOf(personId));

/** Send all that one person's dead pages have left in this browser, from a page that has no outbox itself. */
export const sendOutboxesOf = (personId) => sendAllLeftBehind(prefixOf(personId), ofPerson(PATH, personId));

const ofPerson = (path, personId) => `${path}?person=${personId}`;
const prefixOf = (personId) => `${PREFIX}${personId}.`;

/** The names of one person's outboxes; without accounts, of all that are nobody's in particular. */
function keysOf(prefix) {
  return Object.keys(localStorage).filter((key) => key.startsWith(prefix) && !key.slice(prefix.length).includes("."));
}

function forgetAll(prefix) {
  for (const key of keysOf(prefix)) localStorage.removeItem(key);
}

function envelope(signals) {
  return { sent_ms: nowMs(), signals };
}

/** The signals in pieces that one request may carry. */
function batches(signals) {
  const found = [];
  let batch = [];
  let bytes = 0;
  for (const signal of signals) {
    const size = JSON.stringify(signal).length * 2; // UTF-8, at worst
    if (batch.length && (batch.length >= BATCH || bytes + size > BATCH_BYTES)) {
      found.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(signal);
    bytes += size;
  }
  if (batch.length) found.push(batch);
  return found;
}

/**
 * Send one batch. Returns the refused signals (id -> sentence): the server names them by index and takes none,
 * so exactly these are dropped and the others are sent again. Throws when there is no answer to rely on.
 */
async function send(batch, path) {
  const refused = new Map();
  let rest = batch;
  while (rest.length) {
    try {
      await call("POST", path, envelope(rest), { keepalive: JSON.stringify(rest).length * 2 < BATCH_BYTES });
      return refused;
    } catch (error) {
      if (error.status !== 422) throw error;
      const named = refusals(error.body, rest.length);
      if (!named.size && rest.length > 1) {
        for (const signal of rest) for (const [id, why] of await send([signal], path)) refused.set(id, why);
        return refused;
      }
      if (!named.size) named.set(0, error.message);
      named.forEach((why, index) => refused.set(rest[index].id, why));
      rest = rest.filter((_, index) => !named.has(index));
    }
  }
  return refused;
}

/** index -> sentence, of the signals that the server refused by name. */
function refusals(body, count) {
  const items = Array.isArray(body?.detail) ? body.detail : [];
  return new Map(items.filter(({ index }) => index >= 0 && index < count).map(({ index, message }) => [index, message]));
}

/** Send what dead pages have left behind: those whose lock is free, and `own` is not dead. */
async function sendAllLeftBehind(prefix, path, own = "") {
  for (const key of keysOf(prefix).filter((each) => each !== own)) {
    const send = () => sendLeftBehind(key, path);
    try {
      if (navigator.locks) await navigator.locks.request(key, { ifAvailable: true }, (lock) => lock && send());
      else await send();
    } catch {
      // No connection: a later page, or this one's next visit, adopts it.
    }
  }
}

async function sendLeftBehind(key, path) {
  let signals;
  try {
    signals = JSON.parse(localStorage.getItem(key) ?? "[]");
  } catch {
    signals = [];
  }
  for (const batch of batches(signals)) await send(batch, path);
  localStorage.removeItem(key);
}
