"""Signals: the acts that are recorded. `KINDS` is the one table of them.

An entry says what a kind carries, whether it is said on purpose or noticed in passing, about a query or one response,
what it takes back, which responses it speaks of and what it does to the behaviour. The store's rules, the browser's
list, the reference page and the behaviours are made from it. Does not know who stores signals, nor how a behaviour is
put into words (`behaviors.py`).
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from pydantic import Field, ValidationError

from rlhb_core.errors import BadRecord
from rlhb_core.schema import outcomes, passages, payloads
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.payloads import Payload, VoteChoice
from rlhb_core.schema.record import Record, Truth, Whole, describe

MAX_PAYLOAD_BYTES = 64_000
"""Largest signal payload, in bytes of JSON."""

MAX_PAYLOAD_FIELDS = 16
"""Most fields of a payload: none has more, and thousands would be refused one by one."""

CLOCK_SLACK_MS = 1_000
"""Tolerance when times of one browser's clock are compared with each other."""


class SignalKind(StrEnum):
    """One recorded act; what it means is told by its entry in `KINDS`."""

    SHOWN = "shown"
    DWELL = "dwell"
    SCROLL = "scroll"
    COPY = "copy"
    SELECT = "select"
    LIKE = "like"
    DISLIKE = "dislike"
    SHARE = "share"
    FLAG = "flag"
    REGENERATE = "regenerate"
    EDIT = "edit"
    CRITIQUE = "critique"
    MARK = "mark"
    RATE = "rate"
    REFORMULATE = "reformulate"
    FOLLOW_UP = "follow_up"
    VOTE = "vote"
    RANK = "rank"
    ABANDON = "abandon"


class Signal(Record):
    """One recorded act of one person. Append-only; a correction is a new signal."""

    id: UUID = Field(
        default_factory=uuid4, description="Made by the client, so that a retry is no second act."
    )
    kind: SignalKind
    query_id: UUID
    response_id: UUID | None = Field(default=None, description="None for signals about the query.")
    at_ms: Whole = Field(ge=0, description="When it happened.")
    page_id: UUID = Field(description="The page load it happened on.")
    page_opened_ms: Whole = Field(ge=0, description="When that page was opened, on the same clock.")
    payload: dict[str, Any] = Field(default_factory=dict)
    unblinded: Truth = Field(
        default=False, description="Done while the names of the versions were in view."
    )

    @property
    def facts(self) -> "Kind":
        """What is known of its kind."""
        return KINDS[self.kind]


# --- the table ------------------------------------------------------------------------------------


def _is_off(payload: Payload) -> bool:
    return payload.get("on", True) is False


def _nothing(found: BehaviorFeatures, payload: Payload, response_id: UUID) -> None:
    """Says nothing of the response beside the others."""


def _none(payload: Payload) -> set[UUID]:
    return set()


def _no_piece(payload: Payload) -> None:
    return None


@dataclass(frozen=True)
class Kind:
    """What is known of one kind of signal."""

    payload: type[Record]
    explicit: bool = False
    """Said on purpose: stored even while recording is paused. All others are passive."""
    of_query: bool = False
    """About the query as a whole; all others name one response."""
    effect: Callable[[BehaviorFeatures, Payload, UUID], None] = _nothing
    """What it does to the behaviour with a response, given what was done before."""
    takes_back: Callable[[Payload], bool] = _is_off
    """Whether it takes back what was said before; such signals count whenever they are sent."""
    names: Callable[[Payload], set[UUID]] = _none
    """The responses that its payload speaks of."""
    puts_first: Callable[[Payload], set[UUID]] = _none
    """Those of them that it calls better than another one."""
    renamed: Callable[[Payload, Callable[[UUID], UUID]], dict[str, Any]] = lambda payload, _: {}
    """What changes in the payload if it speaks of other responses in place of those that it names."""
    decides: bool = False
    """The outcome of a comparison: of all that a person said so about a query the last one counts."""
    leads_to: Callable[[Payload], UUID | None] = lambda payload: None
    """A further query of the same person that it speaks of; of several signals about one the last counts."""
    piece: Callable[[Payload], UUID | None] = _no_piece
    """Which of several acts of its kind, that may stand side by side on one response, it is about."""
    reaches: Callable[[Payload], int] = lambda payload: 0
    """How far into the text of its response it speaks, in characters."""
    moved: Callable[[Payload, int], dict[str, Any]] = lambda payload, _: {}
    """What changes in the payload where the same text begins so many characters later."""


def _dwelt(found: BehaviorFeatures, payload: Payload, _: UUID) -> None:
    found.dwell_ms = (found.dwell_ms or 0) + int(payload["ms"])


def _scrolled(found: BehaviorFeatures, payload: Payload, _: UUID) -> None:
    found.read_depth = max(found.read_depth or 0.0, float(payload["depth"]))


def _marked(feature: str) -> Callable[[BehaviorFeatures, Payload, UUID], None]:
    def mark(found: BehaviorFeatures, payload: Payload, _: UUID) -> None:
        setattr(found, feature, payload.get("on", True))

    return mark


def _stepped(feature: str) -> Callable[[BehaviorFeatures, Payload, UUID], None]:
    def step(found: BehaviorFeatures, payload: Payload, _: UUID) -> None:
        if payload.get("on", True):  # else it was no such step, and nothing else is undone by that
            setattr(found, feature, True)

    return step


def _liked(found: BehaviorFeatures, payload: Payload, _: UUID) -> None:
    found.liked = payload.get("on", True)
    found.disliked = found.disliked and not found.liked


def _disliked(found: BehaviorFeatures, payload: Payload, _: UUID) -> None:
    found.disliked = payload.get("on", True)
    found.liked = found.liked and not found.disliked


def _edited(found: BehaviorFeatures, payload: Payload, _: UUID) -> None:
    found.edited = payload.get("on", True)
    found.edited_text = payload["text"] if found.edited else None


def _commented(found: BehaviorFeatures, payload: Payload, _: UUID) -> None:
    found.comment = payload.get("text", "")
    found.comment_tags = list(payload.get("tags", ()))
    found.commented = bool(found.comment or found.comment_tags)


def _rated(found: BehaviorFeatures, payload: Payload, _: UUID) -> None:
    found.ratings[payload.get("aspect", "overall")] = float(payload["value"])
    found.rating = sum(found.ratings.values()) / len(found.ratings)


def _next_query(payload: Payload) -> UUID:
    return UUID(str(payload["to_query"]))


def _is_withdrawn(payload: Payload) -> bool:
    return bool(payload["choice"] == VoteChoice.WITHDRAWN)


def _is_emptied(payload: Payload) -> bool:
    return not payload.get("text") and not payload.get("tags")


KINDS: dict[SignalKind, Kind] = {
    SignalKind.SHOWN: Kind(payloads.Shown),
    SignalKind.DWELL: Kind(payloads.Dwell, effect=_dwelt),
    SignalKind.SCROLL: Kind(payloads.Scroll, effect=_scrolled),
    SignalKind.COPY: Kind(payloads.Chars, effect=_marked("copied")),
    SignalKind.SELECT: Kind(payloads.Chars, effect=_marked("selected")),
    SignalKind.LIKE: Kind(payloads.Toggle, explicit=True, effect=_liked),
    SignalKind.DISLIKE: Kind(payloads.Toggle, explicit=True, effect=_disliked),
    SignalKind.SHARE: Kind(payloads.Empty, explicit=True, effect=_marked("shared")),
    SignalKind.FLAG: Kind(payloads.Flag, explicit=True, effect=_marked("flagged")),
    SignalKind.REGENERATE: Kind(payloads.Empty, explicit=True, effect=_marked("asked_again")),
    SignalKind.EDIT: Kind(payloads.Edit, explicit=True, effect=_edited),
    SignalKind.CRITIQUE: Kind(
        payloads.Critique, explicit=True, effect=_commented, takes_back=_is_emptied
    ),
    SignalKind.MARK: Kind(
        payloads.Mark,
        explicit=True,
        effect=passages.marked,
        piece=passages.mark_of,
        reaches=passages.reach,
        moved=passages.moved,
    ),
    SignalKind.RATE: Kind(payloads.Rate, explicit=True, effect=_rated),
    SignalKind.REFORMULATE: Kind(
        payloads.NextQuery, of_query=True, effect=_stepped("asked_again"), leads_to=_next_query
    ),
    SignalKind.FOLLOW_UP: Kind(
        payloads.NextQuery, of_query=True, effect=_stepped("asked_further"), leads_to=_next_query
    ),
    SignalKind.VOTE: Kind(
        payloads.Vote,
        explicit=True,
        of_query=True,
        effect=outcomes.voted,
        takes_back=_is_withdrawn,
        names=outcomes.chosen,
        puts_first=outcomes.chosen,
        renamed=outcomes.chosen_again,
        decides=True,
    ),
    SignalKind.RANK: Kind(
        payloads.Rank,
        explicit=True,
        of_query=True,
        effect=outcomes.ranked,
        names=outcomes.all_ranked,
        puts_first=outcomes.ranked_first,
        renamed=outcomes.ranked_again,
        decides=True,
    ),
    SignalKind.ABANDON: Kind(payloads.Abandon, of_query=True, effect=_marked("left")),
}
"""Every kind of signal with what is known of it."""

DECIDING = frozenset(kind for kind, facts in KINDS.items() if facts.decides)
"""Kinds that are the outcome of a comparison."""

PIECEWISE = frozenset(kind for kind, facts in KINDS.items() if facts.piece is not _no_piece)
"""Kinds of which several may stand side by side on one response (`piece`)."""


# --- what makes a signal acceptable ---------------------------------------------------------------


def parse_payload(kind: SignalKind, payload: dict[str, Any]) -> Record:
    """The typed payload of a signal. Raises BadRecord saying what is wrong."""
    if len(payload) > MAX_PAYLOAD_FIELDS:
        raise BadRecord(
            f"{kind}: the payload has {len(payload)} fields, at most {MAX_PAYLOAD_FIELDS} are taken"
        )
    for value in payload.values():
        if isinstance(value, float) and not math.isfinite(value):
            raise BadRecord(f"{kind}: numbers must be finite")
    try:
        return KINDS[kind].payload.model_validate(payload)
    except ValidationError as error:
        raise BadRecord(f"{kind}: {describe(error)}") from None


def check_signal(signal: Signal, sent_ms: int) -> None:
    """Raise BadRecord, in a sentence, if the signal cannot be true.

    `sent_ms` is the sender's clock at the moment of sending, so that a wrong clock harms nobody:
    all comparisons are between times of the same clock.
    """
    try:
        size = len(json.dumps(signal.payload, ensure_ascii=False).encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        raise BadRecord(f"{signal.kind}: the payload holds text that is no Unicode") from None
    if size > MAX_PAYLOAD_BYTES:
        raise BadRecord(
            f"{signal.kind}: the payload has {size} bytes, at most {MAX_PAYLOAD_BYTES} are taken"
        )
    payload = parse_payload(signal.kind, signal.payload)
    if signal.facts.of_query and signal.response_id is not None:
        raise BadRecord(f"{signal.kind}: belongs to the query, leave response_id out")
    if not signal.facts.of_query and signal.response_id is None:
        raise BadRecord(f"{signal.kind}: name the response it is about in response_id")
    if signal.at_ms > sent_ms + CLOCK_SLACK_MS:
        raise BadRecord(f"{signal.kind}: at_ms lies in the future of the sender's own clock")
    if signal.at_ms < signal.page_opened_ms - CLOCK_SLACK_MS:
        raise BadRecord(f"{signal.kind}: at_ms lies before the page was opened (page_opened_ms)")
    if isinstance(payload, payloads.Dwell):
        open_ms = signal.at_ms - signal.page_opened_ms
        if payload.ms > open_ms + CLOCK_SLACK_MS:
            raise BadRecord(
                f"dwell: {payload.ms} ms is longer than the page was open ({open_ms} ms)"
            )


# --- which signals count --------------------------------------------------------------------------


def counts_blind(kind: SignalKind, payload: Payload, unblinded: bool) -> bool:
    """The one rule about the reveal: what is done with names in view counts only if it takes something back."""
    return not unblinded or KINDS[kind].takes_back(payload)


def blind(signals: Iterable[Signal]) -> list[Signal]:
    """Those of the signals that count where only blind ones do."""
    return [s for s in signals if counts_blind(s.kind, s.payload, s.unblinded)]
