"""Model servers that speak OpenAI chat, as our own model process does too; `tgi.py` has the other protocol.

Holds how a job becomes a request, how its stream is read, and the sentences for all that can go wrong on the way; none
of them names the server, because they are shown while names are hidden (the log has the details). The key, if a server
wants one, comes from the environment variable RLHB_REMOTE_API_KEY and is never stored or logged.
Does not know other jobs or the store.
"""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx2
import orjson

from app.engine.options import KEY_VARIABLE, LEFT_OUT
from app.serving.jobs import End, Job, cut, ended
from rlhb_core.errors import ModelError
from rlhb_core.schema.prompts import messages

OnText = Callable[[str], None]
"""Called with more text of an answer."""

TOO_LONG = frozenset({400, 413, 422})
"""What servers answer to more than their model takes, among other things."""

AT_ONCE = 16
"""Most answers asked of one server elsewhere at the same time; others wait their turn."""


class RemoteFailure(ModelError):
    """A server did not answer as it should; the text says so to a person."""


class Refused(RemoteFailure):
    """A server did not take the query; it may be too long with what goes before it."""


class ServerSays(RemoteFailure):
    """Our own model process says in a sentence what went wrong."""


FAILURES = (
    *(RemoteFailure, httpx2.HTTPError, httpx2.StreamError),
    *(EOFError, ValueError, LookupError, TypeError, AttributeError),
)
"""What is raised when a server is unreachable, silent, unwilling or unintelligible."""


def http_client(socket: str | None = None) -> httpx2.AsyncClient:
    """One client for all requests to come; making one takes longer than a request."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64)
    if socket is None:
        return httpx2.AsyncClient(follow_redirects=True, limits=limits)
    transport = httpx2.AsyncHTTPTransport(uds=socket, limits=limits)
    return httpx2.AsyncClient(transport=transport)


async def ask_openai(
    client: httpx2.AsyncClient, root: str, model: str, job: Job, timeout_s: float, on_text: OnText
) -> End:
    """OpenAI chat protocol: the behaviour stands in the system message. Raises one of FAILURES."""
    body: dict[str, Any] = {
        "model": model,
        "messages": messages(job.query, job.version.condition, job.history),
        "stream": True,
        "max_tokens": job.max_new_tokens,
        "temperature": job.temperature,
    }
    if job.seed is not None:
        body["seed"] = job.seed
    if job.so_far:  # as vLLM does it
        body["messages"].append({"role": "assistant", "content": job.so_far})
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    whole = job.so_far
    async with aclosing(_events(client, f"{root}/v1/chat/completions", body, timeout_s)) as events:
        async for event in events:
            for choice in event["choices"][:1]:
                if text := choice["delta"].get("content"):
                    whole += text
                    on_text(text)
                if finish := choice.get("finish_reason"):
                    usage = event.get("usage") or {}
                    end = end_of(job, whole, finish, usage.get("completion_tokens"))
                    # our own model process knows what fits, and leaves out the rest itself
                    return replace(end, left_out=int(usage.get(LEFT_OUT) or 0))
    raise EOFError("the stream ended without a finish reason")


def end_of(job: Job, whole: str, finish: str, tokens: int | None) -> End:
    """The end of an answer for which the server gave this reason."""
    if finish == "length":
        return cut(job.tokens_so_far + (tokens or job.max_new_tokens))
    return ended(whole)


async def _events(
    client: httpx2.AsyncClient, url: str, body: dict[str, Any], timeout_s: float
) -> AsyncGenerator[dict[str, Any], None]:
    """The events of a server's stream. Raises one of FAILURES."""
    headers = {"content-type": "application/json", **key_header()}
    timeout = httpx2.Timeout(timeout_s, pool=None)
    async with client.stream(
        "POST", url, content=orjson.dumps(body), headers=headers, timeout=timeout
    ) as response:
        if response.is_error:
            await response.aread()
            if response.status_code in TOO_LONG:
                raise failure_of(response.status_code)
            response.raise_for_status()
        async for line in response.aiter_lines():
            if not line.startswith("data:"):
                continue  # an empty line, or a comment that says that the server is still there
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            event = orjson.loads(data)
            if event.get("error") is not None:
                raise _told(event)
            yield event


def key_header() -> dict[str, str]:
    """The key, as a header."""
    key = os.environ.get(KEY_VARIABLE)
    return {"authorization": f"Bearer {key}"} if key else {}


def _told(event: dict[str, Any]) -> Exception:
    """What a server says in the middle of its stream, as an error."""
    told = event["error"]
    if not isinstance(told, dict):
        told = {"message": told}
    message, kind = str(told.get("message", "")), str(told.get("type", ""))
    match kind:
        case "sentence":
            return ServerSays(message)
        case "overloaded":
            return failure_of(429)
        case "validation":
            return failure_of(422)
        case _:
            return RemoteFailure("The model server failed in the middle of the answer. Ask again.")


def sentence(error: Exception, timeout_s: float) -> str:
    """What went wrong and what to do, for a person who may not know yet which server it was."""
    match error:
        case ServerSays():  # what a server elsewhere says may name anything
            return "The model server failed in the middle of the answer. Ask again."
        case RemoteFailure():
            return str(error)
        case httpx2.HTTPStatusError():
            return of_status(error.response.status_code)
        case httpx2.ConnectError() | httpx2.ConnectTimeout():
            return "The model server cannot be reached. Is it running? Ask again once it is."
        case httpx2.TimeoutException():
            return f"The model server said nothing for {timeout_s:g} s. Ask again, or compare the other answers."
        case EOFError() | httpx2.TransportError():
            return "The model server broke off in the middle of the answer. Ask again."
        case ValueError() | LookupError() | TypeError() | AttributeError():
            return "The model server sent something that cannot be read. Check its protocol (RLHB_BASE_MODEL_PROTOCOL)."
        case _:
            return "The model server failed. Ask again; the details are in the server's log."


def failure_of(status: int) -> RemoteFailure:
    """An HTTP status as a failure."""
    return (Refused if status in TOO_LONG else RemoteFailure)(of_status(status))


def of_status(status: int) -> str:
    """The sentence for an HTTP status."""
    match status:
        case 401 | 403:
            return f"The model server wants a key: set {KEY_VARIABLE} and restart."
        case 404 | 405:
            return "The model server does not know this path. Check its address and protocol."
        case _ if status in TOO_LONG:
            return f"The model server refused the query ({status}): it may be too long. Ask something shorter."
        case 424 | 500:
            return "The model server failed in the middle of the answer. Ask again."
        case 429 | 503:
            return f"The model server is busy ({status}). Ask again in a moment."
        case _:
            return f"The model server failed ({status}). Ask again."
