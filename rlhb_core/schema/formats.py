"""The formats in which people are asked what they think of answers. `FORMATS` is the one table of them.

A format is asked for by a study, any combination at once; each is answered by signals. An entry says what is asked,
which axis it is on, and whether all that it asks for is there. Does not know how it looks nor where signals are kept.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from rlhb_core.schema.outcomes import all_ranked
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.signals import DECIDING, KINDS, Signal, SignalKind


class Format(StrEnum):
    """What people are asked for."""

    BEST = "best"
    STRENGTH = "strength"
    RANKING = "ranking"
    RATINGS = "ratings"
    BINARY = "binary"
    CRITIQUE = "critique"
    PASSAGES = "passages"
    EDIT = "edit"


class Axis(StrEnum):
    """Of what kind an answer is: of one response alone, or of one against the others. Neither is made of the other."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"


@dataclass(frozen=True)
class Given:
    """What one person has said of one comparison, as it stands: the last signal of each kind and subject."""

    choice: VoteChoice | None = None
    ranked: bool = False
    strength: int | None = None
    rated: Mapping[UUID, frozenset[str]] | None = None
    """The aspects that each response was rated on."""
    judged: frozenset[UUID] = frozenset()
    """Responses that were called good or bad."""
    remarked: bool = False
    """Whether something was said of a response that has not to be: in words, by a mark, by an edit."""


@dataclass(frozen=True)
class Asking:
    """What is known of one format."""

    axis: Axis
    says: str
    """What is asked, in a sentence."""
    lacks: Callable[[Given, Collection[UUID], Collection[str]], bool] = lambda given, _, __: False
    """Whether something is missing, of these responses and these aspects. What is free never is."""


def _no_choice(given: Given, _: Collection[UUID], __: Collection[str]) -> bool:
    return given.choice is None and not given.ranked


def _no_strength(given: Given, _: Collection[UUID], __: Collection[str]) -> bool:
    return given.choice is VoteChoice.BEST and given.strength is None


def _no_ranking(given: Given, _: Collection[UUID], __: Collection[str]) -> bool:
    return not given.ranked and given.choice is not VoteChoice.ALL_BAD


def _not_rated(given: Given, responses: Collection[UUID], aspects: Collection[str]) -> bool:
    rated = given.rated or {}
    return any(not rated.get(each, frozenset()).issuperset(aspects) for each in responses)


def _not_judged(given: Given, responses: Collection[UUID], _: Collection[str]) -> bool:
    return not given.judged.issuperset(responses)


FORMATS: Mapping[Format, Asking] = {
    Format.BEST: Asking(
        Axis.RELATIVE, "Which answer is the best one, or is it a tie, or are all bad?", _no_choice
    ),
    Format.STRENGTH: Asking(
        Axis.RELATIVE, "How much better is it: slightly, clearly, much?", _no_strength
    ),
    Format.RANKING: Asking(
        Axis.RELATIVE,
        "In which order are they, the best first? Equal ones may share a place.",
        _no_ranking,
    ),
    Format.RATINGS: Asking(
        Axis.ABSOLUTE,
        "How good is each answer, from 1 to 5, in each aspect of the study?",
        _not_rated,
    ),
    Format.BINARY: Asking(Axis.ABSOLUTE, "Is this answer good or bad, taken alone?", _not_judged),
    Format.CRITIQUE: Asking(Axis.ABSOLUTE, "What is there to say about it, in words or chips?"),
    Format.PASSAGES: Asking(Axis.ABSOLUTE, "Which words of it are wrong, which are good?"),
    Format.EDIT: Asking(Axis.ABSOLUTE, "How should the answer have been written?"),
}
"""Every format with what is known of it. The last three are never missing: whoever has nothing to say says nothing."""


REMARKS = frozenset({SignalKind.CRITIQUE, SignalKind.MARK, SignalKind.EDIT})
"""What answers the formats that are never missing."""


def given(signals: Sequence[Signal], rankable: Collection[UUID] = ()) -> Given:
    """What was said, from one person's signals about one comparison in the order in which they happened.

    `rankable`: the responses that a ranking has to order; one that leaves some of them out is none.
    """
    choice: VoteChoice | None = None
    ranked, strength = False, None
    rated: dict[UUID, set[str]] = {}
    judged: set[UUID] = set()
    remarks: set[tuple[SignalKind, UUID, UUID | None]] = set()
    for signal in signals:
        payload, about = signal.payload, signal.response_id
        if signal.kind in DECIDING:
            is_ranking = signal.kind is SignalKind.RANK
            ranked = is_ranking and all_ranked(payload).issuperset(rankable)
            choice = None if is_ranking else VoteChoice(payload["choice"])
            choice = None if choice is VoteChoice.WITHDRAWN else choice
            strength = payload.get("strength")
        elif about is None:
            continue
        elif signal.kind is SignalKind.RATE:
            rated.setdefault(about, set()).add(payload.get("aspect", "overall"))
        elif signal.kind in (SignalKind.LIKE, SignalKind.DISLIKE):
            is_taken_back = KINDS[signal.kind].takes_back(payload)
            (judged.discard if is_taken_back else judged.add)(about)
        elif signal.kind in REMARKS:
            facts = KINDS[signal.kind]
            remark = (signal.kind, about, facts.piece(payload))
            (remarks.discard if facts.takes_back(payload) else remarks.add)(remark)
    return Given(
        choice,
        ranked,
        strength,
        {each: frozenset(aspects) for each, aspects in rated.items()},
        frozenset(judged),
        bool(remarks),
    )


def is_skipped(said: Given) -> bool:
    """Whether the person has passed the comparison over."""
    return said.choice is VoteChoice.SKIP


def missing(
    formats: Collection[Format],
    said: Given,
    responses: Collection[UUID],
    aspects: Collection[str] = (),
) -> list[Format]:
    """The formats that something is missing of, in the order of the table; of responses that can be judged.

    `responses`: those that have a text; of one that failed there is nothing to say.
    """
    return [
        each
        for each, asking in FORMATS.items()
        if each in formats and asking.lacks(said, responses, aspects)
    ]
