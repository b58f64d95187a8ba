"""Which batches of signals are taken, given what is stored, and what is then written of them. Runs no statement.

Many people's batches are judged together, in the order in which they came: what one adds, the next one finds there.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any, NamedTuple
from uuid import UUID

from app.store.errors import BadSignals, Refusal
from rlhb_core.errors import BadRecord
from rlhb_core.schema.payloads import MAX_PIECES, VoteChoice
from rlhb_core.schema.records import Source
from rlhb_core.schema.signals import PIECEWISE, Signal, SignalKind, check_signal

Said = tuple[UUID, str, UUID, UUID | None, dict[str, Any]]
"""What a signal says: by whom, its kind, about which query and response, its payload. Two under one id agree in it.

Times are no part of it: each attempt to send it sets them right by its own measure.
"""


Pieces = defaultdict[tuple[UUID, SignalKind], set[UUID | None]]
"""By response and kind, the acts that stand, or stood, side by side there."""


class Batch(NamedTuple):
    """Signals that one person sends at once; all of them are taken, or none."""

    person_id: UUID
    signals: Sequence[Signal]
    sent_ms: int
    """At sending, by the clock of the signals' times; ours, once those are set right (`clocks`)."""
    received_ms: int
    """By our clock."""

    def check(self) -> None:
        """Raise BadSignals naming each signal that cannot be true, whatever is stored."""
        refusals = []
        for index, signal in enumerate(self.signals):
            try:
                check_signal(signal, self.sent_ms)
            except BadRecord as error:
                refusals.append(Refusal(index, signal.id, str(error)))
        if refusals:
            raise BadSignals(refusals)


class Teller(NamedTuple):
    """Who sends a batch."""

    recording: bool
    source: Source


class Asked(NamedTuple):
    """A query that signals speak of."""

    person_id: UUID
    revealed_ms: int | None
    stays_blind: bool = False

    @property
    def named_ms(self) -> int | None:
        """Since when names are in view."""
        return None if self.stays_blind else self.revealed_ms


class Taking:
    """What is stored of that which some batches speak of, and what is to be written of those that were taken."""

    def __init__(self) -> None:
        self.people: dict[UUID, Teller] = {}
        self.queries: dict[UUID, Asked] = {}
        self.answers: dict[UUID, UUID] = {}  # with their queries
        self.hopeless: set[UUID] = set()  # answers that can no longer win
        self.chars: dict[UUID, int] = {}  # of finished answers
        self.pieces: Pieces = defaultdict(set)
        self.said: dict[UUID, Said] = {}
        self.ranked: set[UUID] = (
            set()
        )  # queries of which something is to be taken back that is a ranking
        self.aspects: dict[UUID, frozenset[str]] = {}
        """Those that answers to a query are rated on, where that is said; to other queries they are rated on any."""
        # To be written:
        self.rows: list[dict[str, Any]] = []
        self.heard: set[UUID] = set()  # people whose behaviours are stale now
        self.unrecorded: set[UUID] = set()  # queries about which something was dropped
        self.shown: dict[UUID, int] = {}  # queries whose names are in view, and since when
        self.answered: set[UUID] = set()  # queries that something was said of on purpose

    def take(self, batch: Batch) -> int:
        """Take a batch that passed `check`, or raise BadSignals and take nothing of it; returns how many were new."""
        if not batch.signals:
            return 0
        teller = self.people.get(batch.person_id)
        if teller is None:
            refused = "nothing is recorded of you yet, or it was erased"
            raise BadSignals([_refusal(i, each, refused) for i, each in enumerate(batch.signals)])
        said = self._said_by(batch)
        kept = [each for each in batch.signals if teller.recording or each.facts.explicit]
        new = {each.id: each for each in reversed(kept) if each.id not in self.said}
        self.unrecorded |= {
            each.query_id
            for each in batch.signals
            if not teller.recording and not each.facts.explicit
        }
        self.rows += [self._row(batch, each, said[each.id]) for each in new.values()]
        self.said |= {each: said[each] for each in new}
        self.answered |= {each.query_id for each in new.values() if each.facts.explicit}
        self._note_pieces(new.values(), self.pieces)
        self.ranked |= {each.query_id for each in new.values() if each.kind is SignalKind.RANK}
        self.heard.add(batch.person_id)
        if teller.source != Source.SIMULATED:
            # Those are shown texts only, and their clock is simulated too.
            self._note_reveal(kept, batch.received_ms)
        return len(new)

    def _said_by(self, batch: Batch) -> dict[UUID, Said]:
        """What each signal says. Raises BadSignals about those that cannot be."""
        said: dict[UUID, Said] = {}
        refusals = []
        voted = self._voted_in(batch)
        beside = self._note_pieces(batch.signals, defaultdict(set))
        for index, signal in enumerate(batch.signals):
            says = _says(batch.person_id, signal)
            first = self.said.get(signal.id) or said.setdefault(signal.id, says)
            if why_not := self._why_not(batch.person_id, signal, voted, beside):
                refusals.append(_refusal(index, signal, why_not))
            elif says != first:
                refusals.append(
                    _refusal(index, signal, "its id is already taken by another signal")
                )
        if refusals:
            raise BadSignals(refusals)
        return said

    def _why_not(
        self, person_id: UUID, signal: Signal, voted: Set[UUID], beside: Pieces
    ) -> str | None:
        """Why a signal cannot be, given what it speaks of. `voted`: queries with a vote in its batch; `beside`: the
        pieces in it.
        """
        if not self._is_of(person_id, signal.query_id):
            return "there is no such query of yours"
        if any(self.answers.get(each) != signal.query_id for each in responses_of(signal)):
            return "it speaks of a response that does not belong to its query"
        followed_by = signal.facts.leads_to(signal.payload)
        if followed_by and not self._is_of(person_id, followed_by):
            return "the query that followed is none of yours"
        if _is_withdrawal(signal) and signal.query_id not in voted and not self._was_voted(signal):
            return "there is no vote to take back"
        # One that was stored while the answer was being written may be sent again.
        if signal.id not in self.said and not self.hopeless.isdisjoint(
            signal.facts.puts_first(signal.payload)
        ):
            return "this answer failed or is empty, so it cannot be chosen; choose another one"
        if signal.response_id is None or signal.id in self.said:
            return None
        if signal.kind is SignalKind.RATE and (
            unasked := self._unasked(signal.query_id, signal.payload.get("aspect", "overall"))
        ):
            return unasked
        reach, chars = signal.facts.reaches(signal.payload), self.chars.get(signal.response_id)
        if chars is not None and reach > chars:
            return f"it ends at character {reach} of an answer that has {chars}; mark what is there"
        place = (signal.response_id, signal.kind)
        if len(self.pieces.get(place, set()) | beside.get(place, set())) > MAX_PIECES:
            return f"one answer takes at most {MAX_PIECES} of these"
        return None

    def _unasked(self, query_id: UUID, aspect: str) -> str | None:
        """That answers to this query are not rated on this aspect, if they are not."""
        asked = self.aspects.get(query_id)
        if asked is None or aspect in asked:
            return None
        instead = f"rate {', '.join(sorted(asked))}" if asked else "it asks for no ratings"
        return f"its study asks for no rating of {aspect!r}; {instead}"

    @staticmethod
    def _note_pieces(signals: Iterable[Signal], pieces: Pieces) -> Pieces:
        for signal in signals:
            piece = signal.facts.piece(signal.payload)
            if piece is not None and signal.response_id is not None:
                pieces[signal.response_id, signal.kind].add(piece)
        return pieces

    def _voted_in(self, batch: Batch) -> Set[UUID]:
        """Queries with a vote or a ranking in the batch. Of the simulated nobody notes when they were shown names:
        taken to be all.
        """
        if self.people[batch.person_id].source == Source.SIMULATED:
            return self.queries.keys()
        return {signal.query_id for signal in batch.signals if _is_outcome(signal)}

    def _was_voted(self, signal: Signal) -> bool:
        """Whether there is, or was, a vote on the query, or a ranking."""
        was_voted = self.queries[signal.query_id].revealed_ms is not None
        return was_voted or signal.query_id in self.ranked

    def _is_of(self, person_id: UUID, query_id: UUID) -> bool:
        query = self.queries.get(query_id)
        return query is not None and query.person_id == person_id

    def _row(self, batch: Batch, signal: Signal, said: Said) -> dict[str, Any]:
        named_ms = self.queries[signal.query_id].named_ms
        return dict(signal) | {
            "payload": said[-1],
            "person_id": batch.person_id,
            "received_ms": batch.received_ms,
            "unblinded": signal.unblinded
            or _after(signal.facts.explicit, named_ms, signal.at_ms, batch.received_ms),
        }

    def _note_reveal(self, signals: Sequence[Signal], received_ms: int) -> None:
        """The first vote on a query shows the names; later ones, and its withdrawal, change nothing about that."""
        for signal in signals:
            query = self.queries[signal.query_id]
            if _is_vote(signal) and query.revealed_ms is None:
                self.queries[signal.query_id] = query._replace(revealed_ms=received_ms)
                self.shown[signal.query_id] = received_ms


def _refusal(index: int, signal: Signal, why: str) -> Refusal:
    return Refusal(index, signal.id, f"{signal.kind}: {why}")


def _says(person_id: UUID, signal: Signal) -> Said:
    """With the payload as JSON knows it, so that it compares equal after a journey through the database."""
    plain = signal.model_dump(mode="json", include={"payload"})["payload"]
    return person_id, signal.kind, signal.query_id, signal.response_id, plain


def _is_vote(signal: Signal) -> bool:
    return signal.kind is SignalKind.VOTE and signal.payload["choice"] != VoteChoice.WITHDRAWN


def _is_outcome(signal: Signal) -> bool:
    return _is_vote(signal) or signal.kind is SignalKind.RANK


def _is_withdrawal(signal: Signal) -> bool:
    return signal.kind is SignalKind.VOTE and signal.payload["choice"] == VoteChoice.WITHDRAWN


def _after(explicit: bool, revealed_ms: int | None, at_ms: int, received_ms: int) -> bool:
    """Whether names were in view. What came to us before the vote did was done before, whatever its clock says.

    A page sends in the order in which things are done. So what somebody says on purpose in a later batch than the first
    vote was said after it, and no clock, wrong or set back on purpose, makes it blind. What is noticed in passing (how
    long something was in view) is sent when it ends, so there the clock decides.
    """
    if revealed_ms is None:
        return False
    return explicit or min(at_ms, received_ms) > revealed_ms


def queries_of(signal: Signal) -> Iterator[UUID]:
    """Every query that a signal speaks of."""
    yield signal.query_id
    if followed_by := signal.facts.leads_to(signal.payload):
        yield followed_by


def withdrawn_of(signal: Signal) -> Iterator[UUID]:
    """The query of a signal that takes a vote or a ranking back."""
    if _is_withdrawal(signal):
        yield signal.query_id


def rated_in(signal: Signal) -> Iterator[UUID]:
    """The query of a signal that rates an answer."""
    if signal.kind is SignalKind.RATE:
        yield signal.query_id


def in_pieces(signal: Signal) -> Iterator[UUID]:
    """The response of a signal beside which others of its kind may stand."""
    if signal.kind in PIECEWISE and signal.response_id is not None:
        yield signal.response_id


def responses_of(signal: Signal) -> Iterator[UUID]:
    """Every response that a signal speaks of."""
    if signal.response_id is not None:
        yield signal.response_id
    yield from signal.facts.names(signal.payload)
