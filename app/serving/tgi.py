"""text-generation-inference's own protocol, by its maintained client: huggingface_hub's.

Holds how a job becomes a request, and how the client's errors become those of `remote.py`. The token of the Hugging
Face hub is never sent. Does not know other jobs or the store.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import AsyncInferenceClient, set_async_client_factory
from huggingface_hub.errors import (
    GenerationError,
    HfHubHTTPError,
    IncompleteGenerationError,
    OverloadedError,
    ValidationError,
)

from app.serving.jobs import End, Job
from app.serving.remote import OnText, end_of, failure_of, key_header
from rlhb_core.schema.prompts import messages, plain, without_system


async def ask_tgi(root: str, job: Job, timeout_s: float, on_text: OnText) -> End:
    """One plain prompt, the behaviour before what is said, a line for each. Raises one of FAILURES."""
    chat = without_system(messages(job.query, job.version.condition, job.history))
    prompt = plain(chat).removesuffix("\n")
    sampled = job.temperature > 0
    whole = job.so_far
    with _told():
        async with _client(timeout_s) as client:
            stream = await client.text_generation(
                f"{prompt}\n{job.so_far}" if job.so_far else prompt,
                model=f"{root}/generate_stream",
                stream=True,
                details=True,
                max_new_tokens=job.max_new_tokens,
                do_sample=sampled,
                temperature=job.temperature if sampled else None,
                seed=job.seed,
            )
            async for event in stream:
                if event.token.text and not event.token.special:
                    whole += event.token.text
                    on_text(event.token.text)
                if event.details is not None:
                    reason, tokens = event.details.finish_reason, event.details.generated_tokens
                    return end_of(job, whole, reason, tokens)
                if event.generated_text is not None:
                    return end_of(job, whole, "", None)
    raise EOFError("the stream ended before its last event")


def _client(timeout_s: float) -> AsyncInferenceClient:
    """A client for one request: it keeps streams open until it is closed itself."""
    set_async_client_factory(_http_client)
    # The header is always given, else the client would send the hub's token to whatever server this is.
    headers = {"authorization": None, **key_header()}
    return AsyncInferenceClient(headers=headers, timeout=timeout_s)  # type: ignore[arg-type]


def _http_client() -> httpx2.AsyncClient:
    """In place of the hub's own client, which refuses every address, even this machine's, under HF_HUB_OFFLINE."""

    async def read_errors(response: httpx2.Response) -> None:
        if response.is_error:  # else the body of a stream that was refused cannot be looked at
            await response.aread()

    return httpx2.AsyncClient(follow_redirects=True, event_hooks={"response": [read_errors]})


@contextmanager
def _told() -> Iterator[None]:
    """The client's own errors as the failures that every server has."""
    try:
        yield
    except HfHubHTTPError as error:
        if error.response is None:
            raise
        raise failure_of(error.response.status_code) from error
    except OverloadedError as error:
        raise failure_of(429) from error
    except ValidationError as error:
        raise failure_of(422) from error
    except (GenerationError, IncompleteGenerationError) as error:
        raise failure_of(424) from error
