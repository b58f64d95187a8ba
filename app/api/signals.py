"""POST /api/signals: batches of recorded acts. A 200 is sent after the transaction has committed, never before.

Holds how a batch is read and how a refusal is told, signal by signal, so that a browser can drop exactly those and
send the rest again. What makes a signal acceptable is known by the core, what it may refer to by the store.
"""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from starlette.concurrency import run_in_threadpool

from app.store import BadSignals, Store, signals
from rlhb_core.schema.record import Record, Whole, describe, now_ms
from rlhb_core.schema.signals import Signal

router = APIRouter(prefix="/api/signals", tags=["signals"])

MAX_BODY = 2_000_000
"""Largest request body, in bytes."""

MAX_SIGNALS = 1_000
"""Most signals in one request."""


SMALL = 20_000
"""A body that is read at once, in bytes; a larger one in a thread, so that nobody waits for it."""


ANOTHERS = "somebody else is signed in here by now; sign in as whom these signals are of"


class Batch(Record):
    """What a browser sends."""

    sent_ms: Whole = Field(ge=0, description="The sender's clock at the moment of sending.")
    signals: list[Signal] = Field(max_length=MAX_SIGNALS)


class Receipt(Record):
    """What the browser may forget: all of it."""

    received: int = Field(description="Signals in the request.")
    new: int = Field(
        description="Those stored now; the others were known already, or passive while recording is paused."
    )


async def limited_body(request: Request) -> bytes:
    """The request's body, whatever its content type (sendBeacon sends text/plain); 413 if too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(
                413, f"a request may have {MAX_BODY:,} bytes; send the signals in smaller batches"
            )
    return bytes(body)


@router.post("", response_model=Receipt)
async def record(
    request: Request,
    body: Annotated[bytes, Depends(limited_body)],
    person: Annotated[
        UUID | None, Query(description="Whose they are: refused if that is not who asks.")
    ] = None,
) -> Response:
    """Store the signals of the person who asks, all or none."""
    received_ms = now_ms()
    store: Store = request.app.state.store
    person_id: UUID = request.state.principal.recorded()
    if person not in (None, person_id):
        raise HTTPException(401, ANOTHERS, headers={"WWW-Authenticate": "Bearer"})
    try:
        if len(body) <= SMALL:
            batch = _read(body, person_id, received_ms)
        else:
            batch = await run_in_threadpool(_read, body, person_id, received_ms)
        batch = request.app.state.clocks.set_right(batch)
        new = await store.together(signals.record_all, batch, size=len(batch.signals))
    except ValidationError as error:
        return JSONResponse({"detail": _unreadable(error, body)}, status_code=422)
    except BadSignals as error:
        detail = [
            {"index": refusal.index, "id": str(refusal.id), "message": refusal.message}
            for refusal in error.refusals
        ]
        return JSONResponse({"detail": detail}, status_code=422)
    request.app.state.comparing.heard({signal.query_id for signal in batch.signals})
    return JSONResponse({"received": len(batch.signals), "new": new})


def _read(body: bytes, person_id: UUID, received_ms: int) -> signals.Batch:
    """Raises ValidationError for what cannot be read, BadSignals for what cannot be true."""
    sent = Batch.model_validate_json(body)
    batch = signals.Batch(person_id, sent.signals, sent.sent_ms, received_ms)
    batch.check()
    return batch


def _unreadable(error: ValidationError, body: bytes) -> str | list[dict[str, Any]]:
    """What is wrong with each signal that cannot be read; one sentence if the batch as a whole cannot."""
    wrong: dict[int, str] = {}
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        match item["loc"]:
            case ("signals", int(index), *rest):
                wrong.setdefault(index, _sentence(rest, item))
            case _:
                return describe(error)
    sent = orjson.loads(body)["signals"]
    return [
        {"index": index, "id": _id_of(sent[index]), "message": message}
        for index, message in sorted(wrong.items())
    ]


def _sentence(place: list[int | str], item: ErrorDetails) -> str:
    message = item["msg"].removeprefix("Value error, ")
    return f"{'.'.join(str(part) for part in place) or 'signal'}: {message[0].lower()}{message[1:]}"


def _id_of(sent: object) -> str | None:
    found = sent.get("id") if isinstance(sent, dict) else None
    return found if isinstance(found, str) else None
