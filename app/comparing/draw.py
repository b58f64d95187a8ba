"""Which versions answer a query, and in which place: drawn at random. Pure: no store, no models."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from rlhb_core.errors import NotEnoughData
from rlhb_core.schema.records import ModelVersion

ANSWERS = 3
"""Answers shown side by side."""


class DrawnVersion(NamedTuple):
    """A version in its place."""

    version: ModelVersion
    probability: float


def draw(served: Sequence[ModelVersion], rng: random.Random) -> list[DrawnVersion]:
    """The versions of one comparison in page order.

    With n versions served, three distinct ones are drawn uniformly without replacement, so that each takes part with
    probability 3/n: that is the `probability` (of inclusion, whatever the place). With fewer than three, each takes
    part for certain (1.0) and the places left are filled with repeats, as evenly as can be, drawn at random. The order
    on the page is a uniform shuffle, so each place is equally likely for each answer.

    Raises NotEnoughData if nothing is served.
    """
    if not served:
        raise NotEnoughData("no model version is served; choose some on the Runs page")
    chosen: list[ModelVersion] = []
    while len(chosen) < ANSWERS:
        chosen += rng.sample(list(served), min(len(served), ANSWERS - len(chosen)))
    rng.shuffle(chosen)
    probability = min(1.0, ANSWERS / len(served))
    return [DrawnVersion(version, probability) for version in chosen]
