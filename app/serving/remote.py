"""Model servers elsewhere: TGI's own protocol and OpenAI chat, both through huggingface_hub's client.

Holds how a job becomes a request, how its stream is read, and the sentences for all that can go wrong on the way; none
of them names the server, because they are shown while names are hidden (the log has the details). The key, if a server
wants one, comes from the environment variable RLHB_REMOTE_API_KEY and is never stored or logged; the token of the
Hugging Face hub is never sent.
Does not know other jobs or the store.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator

import httpx2
from huggingface_hub import AsyncInferenceClient, set_async_client_factory
from huggingface_hub.errors import (
    GenerationError,
    HfHubHTTPError,
    IncompleteGenerationError,
    OverloadedError,
    ValidationError,
)

from app.serving.jobs import Job
from rlhb_core.errors import ModelError
from rlhb_core.prompts import messages, without_system
from rlhb_core.records import Serving

log = logging.getLogger(__name__)

KEY_VARIABLE = "RLHB_REMOTE_API_KEY"
AT_ONCE = 16
"""Most answers asked of one server at the same time; others wait their turn."""


FAILURES = (EOFError, OSError, ValueError, httpx2.HTTPError, httpx2.StreamError)
"""What the client raises, its own errors included, when a server is unreachable, silent, unwilling or unintelligible."""


class RemoteFailure(ModelError):
    """A server did not answer as it should; the text says so to a person."""


class RemoteServers:
    """Streams answers from servers, a bounded number at a time from each."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._turns: dict[str, asyncio.Semaphore] = {}
        set_async_client_factory(_http_client)

    async def stream(self, job: Job) -> AsyncIterator[str]:
        """The answer's text, piece by piece. Raises RemoteFailure."""
        base = job.version.base
        ask = _ask_tgi if job.version.serving is Serving.TGI else _ask_openai
        async with self._turns.setdefault(base, asyncio.Semaphore(AT_ONCE)):
            try:
                async with _client(self._timeout_s) as client:
                    async for text in ask(client, job):
                        yield text
            except FAILURES as error:
                log.warning("%s failed: %s: %s", job.version.name, type(error).__name__, error)
                raise RemoteFailure(_sentence(error, self._timeout_s)) from error


def _http_client() -> httpx2.AsyncClient:
    """In place of the hub's own client, which refuses every address, even this machine's, under HF_HUB_OFFLINE."""

    async def read_errors(response: httpx2.Response) -> None:
        if response.is_error:  # else the body of a stream that was refused cannot be looked at
            await response.aread()

    return httpx2.AsyncClient(follow_redirects=True, event_hooks={"response": [read_errors]})


def _client(timeout_s: float) -> AsyncInferenceClient:
    """A client for one request: it keeps streams open until it is closed itself."""
    key = os.environ.get(KEY_VARIABLE)
    # The header is always given, else the client would send the hub's token to whatever server this is.
    headers = {"authorization": f"Bearer {key}" if key else None}
    return AsyncInferenceClient(headers=headers, timeout=timeout_s)  # type: ignore[arg-type]


async def _ask_openai(client: AsyncInferenceClient, job: Job) -> AsyncIterator[str]:
    """OpenAI chat protocol: the behaviour stands in the system message. `ADDRESS#MODEL` names the server's model."""
    client.model, _, model = job.version.base.partition("#")
    stream = await client.chat_completion(
        messages(job.query, job.version.condition),
        model=model or "default",
        stream=True,
        max_tokens=job.max_new_tokens,
        temperature=job.temperature,
        seed=job.seed,
    )
    complete = False
    async for event in stream:
        for choice in event.choices[:1]:
            if choice.delta.content:
                yield choice.delta.content
            complete = complete or choice.finish_reason is not None
    if not complete:
        raise EOFError("the stream ended without a finish reason")


async def _ask_tgi(client: AsyncInferenceClient, job: Job) -> AsyncIterator[str]:
    """TGI's own protocol: one plain prompt, the behaviour before the query."""
    chat = without_system(messages(job.query, job.version.condition))
    sampled = job.temperature > 0
    stream = await client.text_generation(
        chat[0]["content"],
        model=f"{job.version.base.rstrip('/')}/generate_stream",
        stream=True,
        details=True,
        max_new_tokens=job.max_new_tokens,
        do_sample=sampled,
        temperature=job.temperature if sampled else None,
        seed=job.seed,
    )
    complete = False
    async for event in stream:
        if event.token.text and not event.token.special:
            yield event.token.text
        complete = complete or event.details is not None or event.generated_text is not None
    if not complete:
        raise EOFError("the stream ended before its last event")


def _sentence(error: Exception, timeout_s: float) -> str:
    """What went wrong and what to do, for a person who may not know yet which server it was."""
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return _sentence_of_status(error.response.status_code)
    match error:
        case OverloadedError():
            return _sentence_of_status(429)
        case ValidationError():
            return _sentence_of_status(422)
        case GenerationError() | IncompleteGenerationError():
            return "The model server failed in the middle of the answer. Ask again."
        case httpx2.ConnectError() | httpx2.ConnectTimeout():
            return "The model server cannot be reached. Is it running? Ask again once it is."
        case TimeoutError() | httpx2.TimeoutException():
            return f"The model server said nothing for {timeout_s:g} s. Ask again, or compare the other answers."
        case EOFError() | httpx2.RemoteProtocolError() | httpx2.ReadError():
            return "The model server broke off in the middle of the answer. Ask again."
        case ValueError():
            return "The model server sent something that cannot be read. Check its protocol (RLHB_BASE_MODEL_PROTOCOL)."
        case _:
            return "The model server failed. Ask again; the details are in the server's log."


def _sentence_of_status(status: int) -> str:
    match status:
        case 401 | 403:
            return f"The model server wants a key: set {KEY_VARIABLE} and restart."
        case 404 | 405:
            return "The model server does not know this path. Check its address and protocol."
        case 400 | 413 | 422:
            return f"The model server refused the query ({status}): it may be too long. Ask something shorter."
        case 429 | 503:
            return f"The model server is busy ({status}). Ask again in a moment."
        case _:
            return f"The model server failed ({status}). Ask again."
