"""Choices between versions, counted by person and by what stood side by side: all that a strength needs to know.

One pick among three is one choice among three, not two wins; a ranking is a pick, then a pick among the rest, and so on
(Plackett-Luce); versions that are tied share the pick. Knows no likelihood (`strength.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Choice(NamedTuple):
    """One person's order of what stood side by side: groups of tied versions, the best first.

    What stands in no group but side by side was not picked, and nothing is said of its order.
    """

    person: str
    side_by_side: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]

    @classmethod
    def pick(cls, person: str, side_by_side: Sequence[str], best: str) -> "Choice":
        """The best of several."""
        return cls(person, tuple(side_by_side), ((best,),))

    @classmethod
    def tie(cls, person: str, side_by_side: Sequence[str]) -> "Choice":
        """All are alike."""
        return cls(person, tuple(side_by_side), (tuple(side_by_side),))


@dataclass(frozen=True)
class Choices:
    """Choices among the same versions, counted."""

    versions: tuple[str, ...]
    persons: tuple[str, ...]
    sets: tuple[tuple[int, ...], ...]
    """What stood side by side: indices of versions, ascending."""
    picks: Array
    """How often each version of each set was picked, by person; ties in parts. [persons, sets, versions]."""
    judged: NDArray[np.int64]
    """In how many comparisons each version stood. [versions]."""

    @classmethod
    def of(cls, choices: Iterable[Choice], versions: Sequence[str] = ()) -> "Choices":
        """Count them. `versions`: an order of them; those that stand in no choice are left out.

        Raises ValueError for a version that is named twice side by side, or picked and was not there.
        """
        counted: dict[tuple[str, tuple[str, ...]], dict[str, float]] = defaultdict(
            lambda: defaultdict(float)
        )
        judged: dict[str, int] = defaultdict(int)
        for choice in choices:
            _check(choice)
            for version in choice.side_by_side:
                judged[version] += 1
            for left, version, share in _picks(choice):
                counted[choice.person, tuple(sorted(left))][version] += share
        known = [each for each in versions if each in judged]
        names = (*known, *sorted(set(judged).difference(known)))
        place = {name: index for index, name in enumerate(names)}
        persons = tuple(sorted({person for person, _ in counted}))
        sets = sorted({tuple(sorted(place[one] for one in group)) for _, group in counted})
        picks = np.zeros((len(persons), len(sets), len(names)))
        of_person = {name: index for index, name in enumerate(persons)}
        of_set = {group: index for index, group in enumerate(sets)}
        for (person, group), wins in counted.items():
            line = of_set[tuple(sorted(place[one] for one in group))]
            for version, share in wins.items():
                picks[of_person[person], line, place[version]] += share
        return cls(
            names,
            persons,
            tuple(sets),
            picks,
            np.array([judged[name] for name in names], dtype=int),
        )

    @cached_property
    def members(self) -> NDArray[np.bool_]:
        """Which versions stand in which set. [sets, versions]."""
        found = np.zeros((len(self.sets), len(self.versions)), dtype=bool)
        for line, group in enumerate(self.sets):
            found[line, list(group)] = True
        return found

    def summed(self, weights: Array | None = None) -> Array:
        """Picks of all persons, or with so much weight of each: [..., persons] -> [..., sets, versions]."""
        if weights is None:
            weights = np.ones(len(self.persons))
        found: Array = np.tensordot(weights, self.picks, axes=1)
        return found


def stages(choice: Choice) -> list[tuple[frozenset[str], dict[str, float]]]:
    """The picks that an order is made of, those among the same versions together: among what, how much of each."""
    found: dict[frozenset[str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for left, version, part in _picks(choice):
        found[left][version] += part
    return [(left, dict(parts)) for left, parts in found.items()]


def _picks(choice: Choice) -> Iterator[tuple[frozenset[str], str, float]]:
    """The picks that an order is made of: among what, which, and how much of it.

    Tied versions are picked one after the other in every order, each order counting alike.
    """
    left = frozenset(choice.side_by_side)
    for tied in choice.groups:
        for gone in range(len(tied)):
            for before in combinations(tied, gone):
                here = left.difference(before)
                if len(here) > 1:
                    share = 1 / (comb(len(tied), gone) * (len(tied) - gone))
                    yield from ((here, version, share) for version in tied if version not in before)
        left = left.difference(tied)


def _check(choice: Choice) -> None:
    there = set(choice.side_by_side)
    named = [version for group in choice.groups for version in group]
    if len(there) != len(choice.side_by_side):
        raise ValueError(f"a version stands side by side with itself: {choice.side_by_side}")
    if len(set(named)) != len(named) or not there.issuperset(named):
        raise ValueError(f"what was picked was not there, or twice: {choice}")
