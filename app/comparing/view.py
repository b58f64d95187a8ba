"""One comparison as a person may see it. Pure: no store, no models.

Holds what goes to the page while answers are written, after the vote and after a refresh. Names, arms and conditions
are in it only once the person's vote stands; nothing else that is sent tells the versions apart.
"""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from pydantic import Field

from app.comparing.asking import BEST_ONLY, Asks
from app.rendering import Block
from rlhb_core.schema.answers import can_win, folded
from rlhb_core.schema.outcomes import ranking
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
    regenerated: int = Field(default=0, description="How many answers stood here before.")
    marks: Marks
    revealed: Revealed | None = Field(default=None, description="Only once the vote stands.")


class VoteState(Record):
    """The person's vote as it stands; `choice` is None before a vote and after it was withdrawn."""

    choice: VoteChoice | None = None
    best: UUID | None = None
    letter: str | None = Field(default=None, description="Letter of the best answer.")
    early: bool = False
    strength: int | None = Field(
        default=None, description="How much better the best answer is, from 1 to 3."
    )


class ComparisonView(Record):
    """A comparison at one moment."""

    query_id: UUID
    query: str
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
    voted: bool = Field(
        default=False,
        description="Whether there was ever a vote, withdrawn or not: no answer is written on after it.",
    )


def view_of(
    query: Query,
    responses: Sequence[Response],
    signals: Sequence[Signal],
    versions: Mapping[UUID, ModelVersion],
    *,
    stays_blind: bool = False,
    asks: Asks = BEST_ONLY,
) -> ComparisonView:
    """The comparison as it may be shown now.

    `responses`: all of the query's, regenerated ones after those they replace. `signals`: the person's,
    in the order in which they happened. `stays_blind`: names are not shown, not even once the vote stands.
    `asks`: what is to be said of it.
    """
    replaced = {response.replaces for response in responses}
    current = sorted(
        (response for response in responses if response.id not in replaced),
        key=lambda response: response.position,
    )
    vote = _vote(signals, responses)
    is_open = vote.choice is not None and not stays_blind
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
            regenerated=sum(r.position == response.position for r in responses) - 1,
            marks=_marks(response.id, signals),
            revealed=_revealed(versions.get(response.version_id)) if is_open else None,
        )
        for response in current
    ]
    return ComparisonView(
        query_id=query.id,
        query=query.text,
        panels=panels,
        vote=vote,
        asks=asks,
        ranking=_ranking(signals),
        complete=all(panel.outcome is not Outcome.PENDING for panel in panels),
        stays_blind=stays_blind,
        one_version=not stays_blind
        and len(current) > 1
        and len({each.version_id for each in current}) == 1,
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


def _marks(response_id: UUID, signals: Sequence[Signal]) -> Marks:
    mine = [signal for signal in signals if signal.response_id == response_id]
    features = summarise(response_id, mine)
    marks = Marks(
        liked=features.liked,
        disliked=features.disliked,
        flagged=features.flagged,
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
        strength=vote.strength,
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
