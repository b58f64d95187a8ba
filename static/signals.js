// Recording a signal: the record of `rlhb_core/records.py`, made here with its id, and put into this page's outbox.
// Knows which kinds are passive: those are not recorded while the person has paused.

import { isRecording } from "./me.js";
import { Outbox } from "./outbox.js";
import { uuid } from "./uuid.js";

const PASSIVE = new Set(["shown", "dwell", "scroll", "select", "copy", "reformulate", "follow_up", "abandon"]);
const PASSIVE_WITHIN_MS = 3_000;

export const page = { id: uuid(), openedMs: Math.floor(performance.timeOrigin) };
export const outbox = new Outbox(page.id);

/**
 * Record one act. `responseId` is null for signals about the query.
 * Resolves once the server has committed it; null at once if it is passive and recording is paused.
 */
export function record(kind, queryId, responseId, payload = {}) {
  const passive = PASSIVE.has(kind);
  if (passive && !isRecording()) return Promise.resolve(null);
  const signal = {
    id: uuid(),
    kind,
    query_id: queryId,
    response_id: responseId,
    at_ms: Date.now(),
    page_id: page.id,
    page_opened_ms: Math.min(page.openedMs, Date.now()),
    payload,
  };
  return outbox.add(signal, passive ? PASSIVE_WITHIN_MS : 0);
}
