// Recording a signal: the record of `rlhb_core/schema/signals.py`, made here with its id, and put into this page's outbox.
// Knows which kinds are passive (those are not recorded while the person has paused), and of which comparisons the
// names have been in view: what is done to these from then on is not done blind, and says so.

import { nowMs, openedMs } from "./clock.js";
import { PASSIVE } from "./kinds.js"; // made by the server of its own table
import { isMember, isPaused, isRecording, known } from "./me.js";
import { Outbox } from "./outbox.js";
import { uuid } from "./uuid.js";

const PASSIVE_WITHIN_MS = 3_000;

export const page = { id: uuid() };
export const outbox = new Outbox(page.id, isMember() ? known : null);

const named = new Set(); // ids of queries
let lastMs = 0;
let told = Promise.resolve();

/** Resolves once the server knows of all that was said on purpose so far, or has refused it. */
export const allTold = () => told;

/** The names of this comparison are in view. That they are hidden again after an undo makes nobody forget them. */
export function namesSeen(queryId) {
  named.add(queryId);
}

/** Whether the names of this comparison have been in view on this page. */
export function areNamesSeen(queryId) {
  return named.has(queryId);
}

/**
 * Record one act. `responseId` is null for signals about the query.
 * Resolves once the server has committed it; null if it is passive and recording is paused. What is passive waits
 * until the page knows whether it is.
 */
export function record(kind, queryId, responseId, payload = {}) {
  const passive = PASSIVE.has(kind);
  if (passive && isPaused()) return Promise.resolve(null);
  const signal = {
    id: uuid(),
    kind,
    query_id: queryId,
    response_id: responseId,
    at_ms: (lastMs = Math.max(nowMs(), lastMs + 1)), // of what takes the place of what was said before, time tells
    page_id: page.id,
    page_opened_ms: openedMs,
    unblinded: named.has(queryId),
    payload,
  };
  const add = () => outbox.add(signal, passive ? PASSIVE_WITHIN_MS : 0);
  if (!passive) {
    const sent = add();
    told = sent.catch(() => {}); // what was said before it goes before it
    return sent;
  }
  if (isRecording()) return add();
  const held = known.then(() => (isPaused() ? null : add()));
  held.catch(() => {}); // as in the outbox: a refusal is nobody's error who does not wait for it
  return held;
}
