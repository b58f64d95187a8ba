"""Simulated annotators: people with a taste, who read, react and vote on answers of the embedded world.

Each has their own taste (a right answer dominates; complete, polite and to the point count too), knowledge, reading
speed and readiness to react. What they feel is their own judgement plus an error of impression; what they do is drawn
from that. `hidden_utility` is the judgement of the whole population without any error: models are measured by it and
never trained on it. Everything that these people produce is simulated data and has to be stored as such.

How much can be learned from them is limited by their noise: `MEASURED`, checked by `tests/unit/test_annotators.py`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from rlhb_core.world import Grade, grade

Act = tuple[str, dict[str, Any]]
"""Kind and payload of a signal, as `signals.Signal` takes them."""
Choice = int | Literal["tie", "all_bad"]
"""Outcome of a vote: the index of the best response, a tie of the best two, or all bad."""

MEASURED: dict[str, dict[str, float]] = {
    "rates": {"like": 0.19, "dislike": 0.11, "copy": 0.125, "share": 0.045, "asked_again": 0.17},
    "ceilings": {"vote": 0.855, "matched": 0.73},
}
"""On the base model's mixture of answers. `rates`: share of responses that draw the act. `ceilings`: how well votes on
pairs can be foreseen from the true utility, and how well a behaviour that belongs to a response can be told from one
that does not, from the response's grade: no reward model, no discriminator can do much better."""

# The population's taste: what a trait adds to the utility. Right minus wrong is 3 by definition of the unit.
RIGHT, WRONG, NONE = 1.5, -1.5, -0.7
COMPLETE, POLITE, RUDE, TO_THE_POINT, GARBLED = 0.35, 0.4, -0.7, 0.5, -1.5
OFFSET = -0.8  # brings the mean of samples of the base model to about 0


@dataclass(frozen=True)
class Taste:
    """What the traits of an answer are worth to somebody."""

    right: float = RIGHT
    wrong: float = WRONG
    none: float = NONE
    complete: float = COMPLETE
    polite: float = POLITE
    rude: float = RUDE
    to_the_point: float = TO_THE_POINT
    garbled: float = GARBLED

    def of(self, one: Grade, knows: bool = True) -> float:
        """Utility of a graded answer; somebody who does not know the answer goes by the manner alone."""
        verdict = {"correct": self.right, "wrong": self.wrong, "none": self.none}[one.verdict]
        if not knows and one.verdict != "none":
            verdict = 0.5 * (self.right + self.wrong)
        return (
            OFFSET
            + verdict
            + self.complete * one.complete
            + self.polite * one.polite
            + self.rude * one.rude
            + self.to_the_point * one.to_the_point
            + self.garbled * one.garbled
        )


POPULATION = Taste()
BARE = Taste(right=1.2, wrong=-1.2, complete=-1.2, polite=-0.9, rude=0.0, to_the_point=1.2)
"""Another taste, for shifts: the bare answer, neither polished nor polite."""


@lru_cache(maxsize=65_536)
def _graded(query: str, response: str) -> Grade:
    return grade(query, response)


def hidden_utility(query: str, response: str, taste: Taste = POPULATION) -> float:
    """What the population of this taste thinks of a response on average, without noise.

    Right minus wrong is 3 for the usual taste, of which samples of the base model have mean about 0. Evaluation only:
    no model is trained on it.
    """
    return taste.of(_graded(query, response))


@dataclass(frozen=True)
class Annotator:
    """One simulated person. Rates are logits at utility 0; `speed` in words per second."""

    name: str
    taste: Taste
    knowledge: float
    impression_noise: float
    vote_noise: float
    speed: float
    likes: float
    dislikes: float
    copies: float
    shares: float
    asks: float
    tie_width: float
    all_bad_below: float
    copies_complete: float = 2.5
    """How much more readily a complete answer is copied, beyond being liked; likewise for a like and politeness."""
    likes_polite: float = 1.5

    @classmethod
    def from_seed(cls, seed: int, index: int, taste: Taste = POPULATION) -> Annotator:
        """The person number `index` of the population `seed`, whose people differ round `taste`;
        always the same one.
        """
        rng = np.random.default_rng([seed, index])
        scale = float(rng.uniform(0.85, 1.15))
        return cls(
            name=f"Simulated annotator {seed}-{index}",
            taste=Taste(
                right=taste.right * scale,
                wrong=taste.wrong * scale,
                none=float(rng.normal(taste.none, 0.3)),
                complete=float(rng.normal(taste.complete, 0.25)),
                polite=float(rng.normal(taste.polite, 0.3)),
                rude=float(rng.normal(taste.rude, 0.4)),
                to_the_point=float(rng.normal(taste.to_the_point, 0.35)),
                garbled=float(rng.normal(taste.garbled, 0.3)),
            ),
            knowledge=float(rng.uniform(0.85, 0.99)),
            impression_noise=float(rng.uniform(0.15, 0.45)),
            vote_noise=float(rng.uniform(0.5, 1.0)),
            speed=float(np.exp(rng.normal(math.log(3.5), 0.3))),
            likes=float(rng.normal(-4.0, 0.4)),
            dislikes=float(rng.normal(-5.4, 0.4)),
            copies=float(rng.normal(-6.0, 0.4)),
            shares=float(rng.normal(-5.0, 0.4)),
            asks=float(rng.normal(-4.0, 0.4)),
            tie_width=float(rng.uniform(0.1, 0.5)),
            all_bad_below=float(rng.normal(-1.6, 0.3)),
            copies_complete=2.5 if taste.complete > 0 else 0.0,
            likes_polite=1.5 if taste.polite > 0 else 0.0,
        )

    def felt(self, query: str, response: str) -> float:
        """What this person thinks of the response: own taste and knowledge plus a lasting error of impression."""
        key = f"{self.name}\n{query}\n".encode()
        about_query = np.random.default_rng(seed_of(key))
        knows = about_query.random() < self.knowledge
        error = np.random.default_rng(seed_of(key + response.encode(errors="replace"))).normal(
            0.0, self.impression_noise
        )
        return self.taste.of(_graded(query, response), knows) + float(error)

    def react(
        self, query: str, response: str, rng: np.random.Generator, position: int = 0
    ) -> list[Act]:
        """What the person does with one response: acts in the order in which they happen.

        `regenerate` is the person asking again about this one response;
        whether the whole query is put in other words is `asks_again`.
        """
        one, felt = _graded(query, response), self.felt(query, response)
        words = max(1, len(response.split()))
        reading = 1.2 + words / self.speed
        interest = 0.28 * max(-3.0, min(3.0, felt))
        dwell = reading * math.exp(interest + rng.normal(0.0, 0.35))
        depth = 1.0 if words < 40 else min(1.0, dwell / reading)
        acts: list[Act] = [
            ("shown", {"position": position}),
            ("scroll", {"depth": round(depth, 3)}),
            ("dwell", {"ms": int(min(dwell, 600.0) * 1000)}),
        ]
        if rng.random() < 0.05:
            acts.append(
                ("select", {"chars": int(rng.integers(1, len(response) + 1)) if response else 0})
            )
        if rng.random() < sigmoid(self.copies + 1.8 * felt + self.copies_complete * one.complete):
            acts.append(("copy", {"chars": len(response)}))
        if rng.random() < sigmoid(self.likes + 2.4 * felt + self.likes_polite * one.polite):
            acts.append(("like", {"on": True}))
        elif rng.random() < sigmoid(self.dislikes - 2.2 * felt + 2.0 * one.rude):
            acts.append(("dislike", {"on": True}))
        if rng.random() < sigmoid(self.shares + 1.7 * felt):
            acts.append(("share", {}))
        if rng.random() < sigmoid(self.asks - 0.8 * felt + 4.5 * (one.verdict == "none")):
            acts.append(("regenerate", {}))
        return acts

    def asks_again(self, query: str, responses: Sequence[str], rng: np.random.Generator) -> bool:
        """Whether the person puts the query in other words because even the best answer disappoints."""
        best = max((self.felt(query, response) for response in responses), default=-3.0)
        return bool(rng.random() < sigmoid(self.asks + 1.5 - 1.5 * best))

    def vote(self, query: str, responses: Sequence[str], rng: np.random.Generator) -> Choice:
        """The person's choice among the responses shown together: the best one, a tie of the best two, or all bad."""
        if not responses:
            raise ValueError("there is nothing to vote on: give at least one response")
        scores = [
            self.felt(query, response) + float(rng.normal(0.0, self.vote_noise))
            for response in responses
        ]
        return chosen(scores, self.tie_width, self.all_bad_below)


def chosen(scores: Sequence[float], tie_width: float, all_bad_below: float) -> Choice:
    """The best; a tie if the second comes so close; all bad if even the best lies so low."""
    ranked = sorted(range(len(scores)), key=lambda index: scores[index], reverse=True)
    best = scores[ranked[0]]
    if best < all_bad_below:
        return "all_bad"
    if len(ranked) > 1 and best - scores[ranked[1]] < tie_width:
        return "tie"
    return ranked[0]


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), for logits of any size."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))


def seed_of(key: bytes) -> int:
    """A seed that follows from a text."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest())


def population(seed: int, size: int, taste: Taste = POPULATION) -> list[Annotator]:
    """The first `size` people of the population `seed`, whose people differ round this taste."""
    return [Annotator.from_seed(seed, index, taste) for index in range(size)]
