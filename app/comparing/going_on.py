"""What a further question goes on with: from which answer, and what then went before it. Pure: no store, no models."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from app.comparing.errors import CannotContinue, StillWriting
from rlhb_core.schema.answers import can_win
from rlhb_core.schema.history import MOST_TURNS, Message, turns_of, with_turn
from rlhb_core.schema.records import Outcome, Query, Response
from rlhb_core.schema.signals import DECIDING, Signal, SignalKind


def standing(responses: Sequence[Response]) -> list[Response]:
    """The answers on the page: without those that others have taken the place of, in page order."""
    replaced = {response.replaces for response in responses}
    current = (response for response in responses if response.id not in replaced)
    return sorted(current, key=lambda response: response.position)


def base_of(current: Sequence[Response], signals: Sequence[Signal]) -> Response | None:
    """The answer that a further question goes on from; None if none says anything.

    The one that was chosen, or stands first in a ranking. Where none was, the one that the person edited last, for that
    is how they would have it; else the first that says something.
    """
    able = {each.id: each for each in current if _says_something(each, signals)}
    decided = [signal for signal in signals if signal.kind in DECIDING]
    chosen = decided[-1].facts.puts_first(decided[-1].payload) if decided else set()
    edited = [each for each in _edits(signals) if each in able]
    for each in current:
        if each.id in chosen and each.id in able:
            return each
    return able[edited[-1]] if edited else next(iter(able.values()), None)


def words_of(response: Response, signals: Sequence[Signal]) -> str:
    """What an answer says in a conversation: as the person would have it, if they edited it."""
    edits = _edits(signal for signal in signals if signal.response_id == response.id)
    return edits.get(response.id, response.text)


def _edits(signals: Iterable[Signal]) -> dict[UUID, str]:
    """The edits that stand, the newest last."""
    found: dict[UUID, str] = {}
    for signal in signals:
        if signal.kind is SignalKind.EDIT and signal.response_id is not None:
            found.pop(signal.response_id, None)
            if signal.payload.get("on", True):
                found[signal.response_id] = signal.payload["text"]
    return found


def _says_something(response: Response, signals: Sequence[Signal]) -> bool:
    return can_win(response.outcome, response.text) or bool(words_of(response, signals).strip())


class Thread(NamedTuple):
    """What goes on: by which version, in the place of which answer, and what went before it there."""

    follows: Response
    history: list[Message]


class Before(NamedTuple):
    """What goes before a further question."""

    query: Query
    base: Thread
    """What the query goes on with, and every version, unless they have threads of their own."""
    own: list[Thread]
    """Of each version; empty if all go on with the same."""


def before(
    query: Query,
    responses: Sequence[Response],
    signals: Sequence[Signal],
    wanted: UUID | None,
    own_threads: bool,
) -> Before:
    """What goes before a question that goes on from this query. `wanted`: from that answer, whatever was chosen.

    In a thread of its own a version that did not answer goes on without this turn. Raises CannotContinue, StillWriting.
    """
    current = standing(responses)
    base = base_of(current, signals)
    if wanted is not None:
        base = next((each for each in current if each.id == wanted), None)
        if base is None:
            raise CannotContinue("the answer to go on from is not on the page; go on from another")
    if base is None or not _says_something(base, signals):
        raise CannotContinue("no answer says anything to go on from; ask this as a new question")
    if any(each.outcome is Outcome.PENDING for each in (current if own_threads else [base])):
        raise StillWriting("what this goes on from is still being written; ask once it is complete")
    threads = {each.id: _after(query, each, signals) for each in current}
    gone_on_with = threads.values() if own_threads else [threads[base.id]]
    if max(map(turns_of, gone_on_with)) > MOST_TURNS:
        raise CannotContinue(
            f"a conversation has at most {MOST_TURNS} turns; ask this as a new question"
        )
    own = [Thread(each, threads[each.id]) for each in current] if own_threads else []
    return Before(query, Thread(base, threads[base.id]), own)


def history_of(query: Query, response: Response) -> list[Message]:
    """What went before an answer."""
    return query.history if response.history is None else response.history


def _after(query: Query, response: Response, signals: Sequence[Signal]) -> list[Message]:
    """What went before and this turn, as this answer had it."""
    history, words = history_of(query, response), words_of(response, signals)
    if not words.strip():
        return history
    return with_turn(history, query.text, words.replace("\x00", "\ufffd"))
