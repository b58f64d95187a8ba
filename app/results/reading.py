"""From what is stored to choices between versions: which comparisons say something, and why the others do not.

The rules are those of the exports (`app.files.vote_lines`). Does not know what is made of the choices.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from app.store import Chosen, Seen
from rlhb_core.results import Choice
from rlhb_core.schema.records import AGAIN

FEWEST = 5
"""People below whose number nothing can be told of people at large, only of how these choose."""


class LeftOut(StrEnum):
    """Why a comparison says nothing of which version is better."""

    AGAIN = "came to the same person a second time"
    ALONE = "fewer than two answers were compared"
    TWICE = "a version answered twice"
    GONE = "the chosen answer is none to choose"


class Read(NamedTuple):
    """A comparison that says something."""

    chosen: Chosen
    answers: Sequence[Seen]
    """Those that the choice is about, in page order."""
    choice: Choice


class Reading(NamedTuple):
    """All comparisons that say something."""

    rows: list[Read]
    people: int
    left_out: Counter[LeftOut]

    @property
    def choices(self) -> list[Choice]:
        """What was chosen in them."""
        return [row.choice for row in self.rows]


def read(found: Iterable[Chosen]) -> Reading:
    """Of few people each comparison stands for itself: so few tell nothing of how other people would choose."""
    rows: list[Read] = []
    left_out: Counter[LeftOut] = Counter()
    for chosen in found:
        told = _read(chosen)
        if isinstance(told, LeftOut):
            left_out[told] += 1
        elif told is not None:
            rows.append(told)
    people = len({row.chosen.person for row in rows})
    if people < FEWEST:
        rows = [
            row._replace(choice=row.choice._replace(person=row.chosen.query_id)) for row in rows
        ]
    return Reading(rows, people, left_out)


def _read(chosen: Chosen) -> Read | LeftOut | None:
    answers = standing(chosen.answers)
    if not any(answer.vote for answer in answers):
        return None  # read with what was done, and nothing was chosen
    if chosen.purpose == AGAIN:
        return LeftOut.AGAIN
    if is_ranked := any(answer.place for answer in answers):
        answers = [answer for answer in answers if answer.place]
    versions = tuple(answer.version for answer in answers)
    if len(versions) < 2:
        return LeftOut.ALONE
    if len(set(versions)) < len(versions):
        return LeftOut.TWICE
    groups = _ranked(answers) if is_ranked else _voted(answers)
    if groups is None:
        return LeftOut.GONE
    return Read(chosen, answers, Choice(chosen.person, versions, groups))


def standing(answers: Sequence[Seen]) -> list[Seen]:
    """One for each place: of an answer and its regeneration, the chosen or the last."""
    won = {each.id for each in answers if each.vote == "won"}
    replaced = {each.replaces for each in answers if each.replaces} - won
    return [each for each in answers if each.id not in replaced and each.replaces not in won]


def _ranked(answers: Sequence[Seen]) -> tuple[tuple[str, ...], ...]:
    places = sorted({each.place for each in answers if each.place})
    return tuple(tuple(each.version for each in answers if each.place == place) for place in places)


def _voted(answers: Sequence[Seen]) -> tuple[tuple[str, ...], ...] | None:
    """Answers with the same words that were chosen are tied at the top."""
    votes = {each.vote for each in answers}
    won = tuple(each.version for each in answers if each.vote == "won")
    if won:
        return (won,)
    if "lost" in votes:
        return None
    return (tuple(each.version for each in answers),)
