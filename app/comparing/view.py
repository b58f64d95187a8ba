"""One comparison as a person may see it. Pure: no store, no models.

Holds what goes to the page while answers are written, after the vote and after a refresh. Names, arms and conditions
are in it only once the person's vote stands; nothing else that is sent tells the versions apart.
"""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from pydantic import Field

from app.comparing.asking import BEST_ONLY, Asks
from app.comparing.going_on import base_of, standing
from app.rendering import Block
from app.store import queries
from rlhb_core.schema.answers import can_win, folded
from rlhb_core.schema.features import Marked
from rlhb_core.schema.history import turns_of
from rlhb_core.schema.outcomes import ranking
from rlhb_core.schema.passages import placed
from rlhb_core.schema.payloads import Vote, VoteChoice
from rlhb_core.schema.reading import summarise
from rlhb_core.schema.record import Record
from rlhb_core.schema.records import ModelVersion, Outcome, Query, Response
from rlhb_core.schema.signals import DECIDING, Signal, SignalKind

LETTERS = "ABCDEFGHIJKLMNOP"


class Marks(Record):
    """What the person has said about one answer, as it stands."""

    liked: bool = False
    disliked: bool = False
    flagged: bool = False
    edited: str | None = Field(default=None, description="The answer as the person rewrote it.")
    comment: str = Field(default="", description="The person's last comment.")
    tags: list[str] = Field(default_factory=list, description="Its words chosen from a list.")
    ratings: dict[str, float] = Field(
        default_factory=dict, description="From 1 to 5, by the name of the aspect."
    )
    passages: list[Marked] = Field(
        default_factory=list,
        description="The passages that are marked, in their order in the text.",
    )


class Revealed(Record):
    """Who wrote an answer."""

    version: str
    arm: str
    condition: str | None
    trained_on: str
    verdict: str


class Panel(Record):
    """One answer on the page."""

    response_id: UUID
    letter: str
    text: str = Field(description="The answer as it was written.")
    blocks: list[Block] = Field(
        default_factory=list, description="The answer as it is read; only where that was asked for."
    )
    outcome: Outcome
    error: str
    same_as: str | None = Field(
        default=None, description="Letter of the first answer with the same text, once both ended."
    )
    can_win: bool = Field(default=True, description="False for a failed or empty answer.")
    first_token_ms: int | None = Field(
        default=None,
        description="Only once the vote stands: how fast an answer was tells who wrote it.",
    )
    duration_ms: int | None = Field(default=None, description="Likewise.")
    left_out: int | None = Field(
        default=None,
        description="How many of the oldest turns before the query it was not given; only once the vote stands, for "
        "what fits differs from version to version.",
    )
    regenerated: int = Field(default=0, description="How many answers stood here before.")
    marks: Marks
    revealed: Revealed | None = Field(default=None, description="Only once the vote stands.")


class VoteState(Record):
    """The person's vote as it stands; `choice` is None before a vote and after it was withdrawn."""

    choice: VoteChoice | None = None
    best: UUID | None = None
    letter: str | None = Field(default=None, description="Letter of the best answer.")
    early: bool = False
    named: bool = Field(default=False, description="Whether names were in view when it was made.")
    reason: str = Field(default="", description="Why it was passed over, if that was said.")
    strength: int | None = Field(
        default=None, description="How much better the best answer is, from 1 to 3."
    )


class ComparisonView(Record):
    """A comparison at one moment."""

    query_id: UUID
    query: str
    turn: int = Field(default=1, description="Which turn of its conversation it is.")
    turns_before: int = Field(default=0, description="How many turns go before it.")
    goes_on_from: UUID | None = Field(
        default=None,
        description="The answer that a further question goes on from: the one that was chosen; else the one that was "
        "edited last, else the first that says something. None where none does, and for items of a study.",
    )
    left_out: int = Field(
        default=0, description="How many of the oldest turns before it some answer was not given."
    )
    own_threads: bool = Field(
        default=False, description="Whether each version goes on with its own answers instead."
    )
    panels: list[Panel] = Field(description="In page order.")
    vote: VoteState
    asks: Asks = Field(default=BEST_ONLY, description="What is to be said of it.")
    ranking: list[list[UUID]] | None = Field(
        default=None,
        description="The person's ranking as it stands, the best first, equal ones in one list.",
    )
    complete: bool = Field(description="Whether no answer is being written any more.")
    loading: bool = Field(
        default=False, description="Whether a model that is to answer is still being loaded."
    )
    one_version: bool = Field(
        default=False, description="Whether one version wrote all the answers, for want of others."
    )
    stays_blind: bool = Field(
        default=False, description="Whether names are not shown, not even once the vote stands."
    )
    says_names: bool = Field(
        default=False, description="Whether an answer speaks of itself by the name of a model."
    )
    voted: bool = Field(
        default=False,
        description="Whether there was ever a vote, withdrawn or not: no answer is written on after it.",
    )


def view_of(
    query: Query,
    responses: Sequence[Response],
    signals: Sequence[Signal],
    versions: Mapping[UUID, ModelVersion],
    ways: queries.Ways = queries.FREELY,
    *,
    asks: Asks = BEST_ONLY,
    came: bool = False,
) -> ComparisonView:
    """The comparison as it may be shown now.

    `responses`: all of the query's, regenerated ones after those they replace. `signals`: the person's,
    in the order in which they happened. `asks`: what is to be said of it. `came`: whether one of the answers came with
    the item; then all are shown at once, when the last one is complete, or being there first would tell which it is.
    """
    current = standing(responses)
    if came and any(_is_new(each) for each in current):
        current = [_held_back(each) for each in current]
    vote = _vote(signals, responses)
    is_open = vote.choice is not None and not ways.stays_blind
    letters = {response.id: LETTERS[response.position] for response in current}
    first = folded((response.id, response.outcome, response.text) for response in current)
    panels = [
        Panel(
            response_id=response.id,
            letter=letters[response.id],
            text=response.text,
            outcome=response.outcome,
            error=response.error,
            same_as=_same_as(letters, first, response.id),
            can_win=can_win(response.outcome, response.text),
            first_token_ms=response.first_token_ms if is_open else None,
            duration_ms=response.duration_ms if is_open else None,
            left_out=response.left_out if is_open else None,
            regenerated=sum(r.position == response.position for r in responses) - 1,
            marks=_marks(response, signals),
            revealed=_revealed(versions.get(response.version_id)) if is_open else None,
        )
        for response in current
    ]
    base = base_of(current, signals) if ways.are_free else None
    return ComparisonView(
        query_id=query.id,
        query=query.text,
        turn=query.turn,
        turns_before=turns_of(query.history),
        goes_on_from=base and base.id,
        own_threads=ways.own_threads,
        left_out=max((response.left_out for response in current), default=0),
        panels=panels,
        vote=vote,
        asks=asks,
        ranking=_ranking(signals),
        complete=all(panel.outcome is not Outcome.PENDING for panel in panels),
        stays_blind=ways.stays_blind,
        one_version=not ways.stays_blind
        and len(current) > 1
        and len({each.version_id for each in current}) == 1,
        says_names=any(response.says_name for response in current),
        voted=was_voted(signals),
    )


def with_blocks(view: ComparisonView, blocks_of: Callable[[Panel], list[Block]]) -> ComparisonView:
    """The same, with each answer rendered."""
    panels = [panel.model_copy(update={"blocks": blocks_of(panel)}) for panel in view.panels]
    return view.model_copy(update={"panels": panels})


def was_voted(signals: Sequence[Signal]) -> bool:
    """Whether there was ever a vote, withdrawn or not."""
    return any(signal.kind is SignalKind.VOTE for signal in signals)


def _same_as(letters: Mapping[UUID, str], first: Mapping[UUID, UUID], each: UUID) -> str | None:
    return letters[first[each]] if first.get(each, each) != each else None


def _is_new(response: Response) -> bool:
    """Whether it is being written, from its beginning: one that was cut and goes on keeps the sentence that says so."""
    return response.outcome is Outcome.PENDING and not response.error


def _held_back(response: Response) -> Response:
    """The answer as if nothing of it were written yet."""
    nothing = {"text": "", "outcome": Outcome.PENDING, "error": "", "left_out": 0, "says_name": ""}
    return response.model_copy(update=nothing)


def _marks(response: Response, signals: Sequence[Signal]) -> Marks:
    mine = [signal for signal in signals if signal.response_id == response.id]
    features = summarise(response.id, mine)
    marks = Marks(
        liked=features.liked,
        disliked=features.disliked,
        flagged=features.flagged,
        passages=placed(features.marks, 0, response.text),
        ratings=features.ratings,
    )
    for signal in mine:
        if signal.kind is SignalKind.EDIT:
            marks.edited = signal.payload["text"] if signal.payload.get("on", True) else None
        elif signal.kind is SignalKind.CRITIQUE:
            marks.comment = signal.payload.get("text", "")
            marks.tags = signal.payload.get("tags", [])
    return marks


def _vote(signals: Sequence[Signal], responses: Sequence[Response]) -> VoteState:
    votes = [signal for signal in signals if signal.kind is SignalKind.VOTE]
    if not votes:
        return VoteState()
    vote = Vote.model_validate(votes[-1].payload)
    if vote.choice is VoteChoice.WITHDRAWN:
        return VoteState()
    place = next((r.position for r in responses if r.id == vote.best), None)
    return VoteState(
        choice=vote.choice,
        best=vote.best,
        letter=None if place is None else LETTERS[place],
        early=vote.early,
        named=votes[-1].unblinded,
        strength=vote.strength,
        reason=vote.reason,
    )


def _ranking(signals: Sequence[Signal]) -> list[list[UUID]] | None:
    """The last outcome, if it is a ranking: a vote after it takes its place."""
    outcomes = [signal for signal in signals if signal.kind in DECIDING]
    is_ranked = outcomes and outcomes[-1].kind is SignalKind.RANK
    return ranking(outcomes[-1].payload) if is_ranked else None


def _revealed(version: ModelVersion | None) -> Revealed | None:
    if version is None:
        return None
    return Revealed(
        version=version.name,
        arm=version.arm.label,
        condition=version.condition,
        trained_on=version.trained_on,
        verdict=version.verdict,
    )
