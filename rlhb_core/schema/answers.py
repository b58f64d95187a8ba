"""What an answer is worth as evidence: whether it failed, whether it can win, and which answers are one,
and which is better than which.

The one place for these rules; the page, the store, exports and training ask here. Does not know votes nor behaviours.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from rlhb_core.schema.records import Outcome

Id = TypeVar("Id", bound=Hashable)


def failed(outcome: Outcome, text: str) -> bool:
    """Whether the version never answered: an error, or stopped before it said anything."""
    return outcome == Outcome.ERROR or (outcome == Outcome.STOPPED and not text.strip())


def can_win(outcome: Outcome, text: str) -> bool:
    """Whether it may be chosen as the best. One that is being written may, and one whose text is not known; empty
    answers can lose but not win.
    """
    return outcome in (Outcome.PENDING, Outcome.UNTOLD) or (
        outcome != Outcome.ERROR and bool(text.strip())
    )


def folded(answers: Iterable[tuple[Id, Outcome, str]]) -> dict[Id, Id]:
    """Which answers to one query are one: each that has answered, with the first of those that say the same.

    Same is the same text without the white space around it; how they ended does not matter. Of answers whose texts are
    not known none says the same as another. Answers that are being written or failed are in no fold.
    """
    firsts: dict[object, Id] = {}
    return {
        each: firsts.setdefault((each,) if outcome == Outcome.UNTOLD else text.strip(), each)
        for each, outcome, text in answers
        if outcome != Outcome.PENDING and not failed(outcome, text)
    }


def preferred(
    places: Sequence[int] | None, best: int | None, count: int
) -> Iterator[tuple[int, int]]:
    """Which of `count` answers is better than which, by index: by their places,
    or else the best one than all others.
    """
    if places is None:
        places = [1 if index == best else 2 for index in range(count)] if best is not None else []
    for better, higher in enumerate(places):
        for worse, lower in enumerate(places):
            if higher < lower:
                yield better, worse
