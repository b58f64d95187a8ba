// The few calls to the server's own API, as JSON. An error carries the server's sentence and the status (0: no answer).
// The event "rlhb:signed-out" tells whoever listens that the server does not know (any more) who this is.

export class ApiError extends Error {
  constructor(message, status, body = null) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** Call `method path` with an optional JSON body; the parsed answer, or null for an empty one. */
export async function call(method, path, body = undefined, options = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      ...options,
    });
  } catch {
    throw new ApiError("The server cannot be reached just now.", 0);
  }
  const text = await answer.text();
  let parsed = null;
  try {
    parsed = text ? JSON.parse(text) : null;
  } catch {
    // Not JSON: a proxy's error page, for instance. The status says enough.
  }
  if (!answer.ok) {
    noticeSignedOut(answer);
    throw new ApiError(sentenceOf(parsed, answer.status), answer.status, parsed);
  }
  return parsed;
}

/** What the server says is wrong; of a body that it could not read, each field by its name, and of signals, each one. */
export function sentenceOf(parsed, status) {
  if (typeof parsed?.detail === "string") return parsed.detail;
  const told = Array.isArray(parsed?.detail) ? parsed.detail.map(toldOf).filter(Boolean).join("; ") : "";
  return told || `The server answered ${status}.`;
}

function toldOf({ loc, msg, type, message }) {
  if (message) return message;
  if (type === "value_error") return msg.replace("Value error, ", "");
  return msg && `${loc?.at(-1)}: ${msg}`;
}

/** Tell the page if this answer says to sign in first; a wrong password is answered 401 too, and says nothing of it. */
export function noticeSignedOut(answer) {
  const isOut = answer.status === 401 && answer.headers.has("WWW-Authenticate");
  if (isOut) dispatchEvent(new Event("rlhb:signed-out"));
  return isOut;
}
