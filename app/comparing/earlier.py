"""What somebody compared before, a line each, to go back to. Pure: no store, no models.

Says what was asked, and what was chosen by the person themselves; who wrote which answer is in no line.
"""

from collections.abc import Container, Mapping, Sequence
from uuid import UUID

from pydantic import Field

from app.comparing.view import LETTERS
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.record import Record
from rlhb_core.schema.records import Query
from rlhb_core.schema.signals import DECIDING, KINDS, Signal, SignalKind

FIRST_WORDS = 200
"""Most characters of a question that are told."""


class Earlier(Record):
    """A comparison that the person had."""

    query_id: UUID
    query: str = Field(description="How the question begins.")
    asked_ms: int = Field(description="When it was asked.")
    choice: VoteChoice | None = Field(
        default=None, description="What was chosen; null: nothing, or it was ranked."
    )
    letter: str | None = Field(default=None, description="Letter of the best answer.")
    ranked: bool = Field(default=False, description="Whether the answers were put into an order.")
    named: bool = Field(default=False, description="Whether names were in view when that was said.")
    begun: bool = Field(
        default=False, description="Whether an edit of an answer was begun and is not saved."
    )
    left: bool = Field(
        default=False, description="Whether the person left it without a choice, and it stands so."
    )


def earlier(
    queries: Sequence[Query],
    said: Sequence[Signal],
    places: Mapping[UUID, int],
    begun: Container[UUID] = (),
) -> list[Earlier]:
    """A line for each query, in their order.

    said: the person's signals that decide or leave these, in the order in which they happened. places: where on the
    page the answers stand that were chosen. begun: the queries with an edit that was begun and is not saved.
    """
    last: dict[UUID, Signal] = {}
    left: dict[UUID, bool] = {}
    for signal in said:
        if signal.kind in DECIDING:
            last[signal.query_id] = signal
        elif signal.kind is SignalKind.ABANDON:
            left[signal.query_id] = not KINDS[signal.kind].takes_back(signal.payload)
    lines = [_line(each, last.get(each.id), left.get(each.id, False), places) for each in queries]
    return [each.model_copy(update={"begun": each.query_id in begun}) for each in lines]


def _line(query: Query, last: Signal | None, left: bool, places: Mapping[UUID, int]) -> Earlier:
    line = Earlier(
        query_id=query.id, query=_beginning(query.text), asked_ms=query.created_ms, left=left
    )
    if last is None or KINDS[last.kind].takes_back(last.payload):
        return line
    if last.kind is SignalKind.RANK:
        return line.model_copy(update={"ranked": True, "named": last.unblinded})
    place = places.get(UUID(last.payload["best"])) if last.payload.get("best") else None
    return line.model_copy(
        update={
            "choice": VoteChoice(last.payload["choice"]),
            "named": last.unblinded,
            "letter": None if place is None else LETTERS[place],
        }
    )


def _beginning(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= FIRST_WORDS else f"{words[:FIRST_WORDS].rstrip()}…"
