"""Simulated readers of any text: people whose taste can be computed on whatever a model writes, in any language model's
world.

The closed world's annotators know what is right; these know nothing. They like an answer that comes to the point, keeps
to the question, has a length that they enjoy and an end, and each of them weighs that otherwise. What they do and how
they vote is drawn from what they feel, with an error of impression. `hidden_taste` is the judgement of the whole
population without any error: models are measured by it and never trained on it. All that these people produce is
simulated and has to be stored as such.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from rlhb_core.world.annotators import Act, Choice, chosen, seed_of, sigmoid

FILLERS = re.compile(
    r"^(sure|certainly|of course|absolutely|great question|as an ai|i'?m (sorry|glad|happy)|here (is|are)|thank you)\b",
    re.IGNORECASE,
)
"""Beginnings that put the answer off."""
COURTESY = re.compile(
    r"\b(please|thank you|thanks|you'?re welcome|glad to|happy to|hope (this|that|it) helps)\b",
    re.IGNORECASE,
)
HEDGES = re.compile(
    r"\b(maybe|perhaps|possibly|might|it depends|in general|generally|some people|could be|may be|i think)\b",
    re.IGNORECASE,
)
LISTED = re.compile(r"^\s*([-*•]|\d+[.)])\s+\S", re.MULTILINE)
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
STRANGE = re.compile(r"[^\W\d_]{19,}|[a-z][A-Z]|\ufffd")
SHORT_WORD = 3
"""Words of a question up to this length say nothing of what it is about."""
CLOSES = (".", "!", "?", ":)", '"', "”", "`", ")")
"""What the last sign of an answer is that came to its end."""


class Traits(NamedTuple):
    """What can be read off an answer."""

    length: float
    """How far its length lies from the enjoyable one: minus the square of the logarithm of the ratio, at least -4."""
    direct: float
    """1 if it begins with the matter itself."""
    courteous: float
    """1 if it says something kind."""
    hedging: float
    """Hedges per sentence, at most 1."""
    listed: float
    """1 if it has at least two items of a list."""
    repeated: float
    """Share of its word triples that stand in it before."""
    to_the_question: float
    """Share of the question's long words that it takes up."""
    whole: float
    """1 if its last sentence is closed."""
    strange: float
    """Share of its words that no language has: overlong, with capitals inside, or of broken signs."""


ENJOYABLE_WORDS = 24
"""The length that readers enjoy on average."""


@lru_cache(maxsize=65_536)
def traits(query: str, response: str) -> Traits:
    """The traits of an answer to a question."""
    words = [word.lower() for word in WORD.findall(response)]
    text = response.strip()
    asked = {word.lower() for word in WORD.findall(query) if len(word) > SHORT_WORD}
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    sentences = max(1, len(re.findall(r"[.!?](\s|$)", text)))
    away = math.log(max(1, len(words)) / ENJOYABLE_WORDS)
    return Traits(
        length=-min(4.0, away**2),
        direct=float(bool(words) and not FILLERS.match(text)),
        courteous=float(bool(COURTESY.search(text))),
        hedging=min(1.0, len(HEDGES.findall(text)) / sentences),
        listed=float(len(LISTED.findall(text)) > 1),
        repeated=1 - len(triples) / triples.total() if triples else 0.0,
        to_the_question=len(asked.intersection(words)) / len(asked) if asked else 0.0,
        whole=float(text.endswith(CLOSES)),
        strange=len(STRANGE.findall(text)) / max(1, len(text.split())),
    )


@dataclass(frozen=True)
class Liking:
    """What the traits of an answer are worth to somebody."""

    length: float = 0.8
    direct: float = 0.6
    courteous: float = 0.6
    hedging: float = -0.5
    listed: float = -0.7
    repeated: float = -2.5
    to_the_question: float = 0.8
    whole: float = 1.2
    strange: float = -4.0
    offset: float = -0.8
    """Brings answers of a small instructed model to about 0 on average."""

    def of(self, one: Traits) -> float:
        """Utility of an answer with these traits."""
        return self.offset + math.fsum(
            getattr(self, name) * value for name, value in one._asdict().items()
        )


POPULATION = Liking()


def hidden_taste(query: str, response: str) -> float:
    """What the population thinks of a response on average, without noise. Evaluation only."""
    return POPULATION.of(traits(query, response))


@dataclass(frozen=True)
class Reader:
    """One simulated reader. Rates are logits at utility 0; `speed` in words per second."""

    name: str
    liking: Liking
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

    @classmethod
    def from_seed(cls, seed: int, index: int) -> Reader:
        """The reader number `index` of the population `seed`; always the same one."""
        rng = np.random.default_rng([seed, index, 17])
        liking = {
            each.name: float(
                rng.normal(
                    getattr(POPULATION, each.name), 0.3 * abs(getattr(POPULATION, each.name))
                )
            )
            for each in fields(Liking)
        }
        return cls(
            name=f"Simulated reader {seed}-{index}",
            liking=Liking(**liking),
            impression_noise=float(rng.uniform(0.15, 0.45)),
            vote_noise=float(rng.uniform(0.3, 0.7)),
            speed=float(np.exp(rng.normal(math.log(3.5), 0.3))),
            likes=float(rng.normal(-2.6, 0.4)),
            dislikes=float(rng.normal(-3.2, 0.4)),
            copies=float(rng.normal(-3.2, 0.4)),
            shares=float(rng.normal(-4.4, 0.4)),
            asks=float(rng.normal(-3.0, 0.4)),
            tie_width=float(rng.uniform(0.05, 0.3)),
            all_bad_below=float(rng.normal(-2.0, 0.3)),
        )

    def felt(self, query: str, response: str) -> float:
        """What this reader thinks of the response: own taste plus a lasting error of impression."""
        key = f"{self.name}\n{query}\n{response}".encode(errors="replace")
        error = np.random.default_rng(seed_of(key)).normal(0.0, self.impression_noise)
        return self.liking.of(traits(query, response)) + float(error)

    def react(
        self, query: str, response: str, rng: np.random.Generator, position: int = 0
    ) -> list[Act]:
        """What the reader does with one response, in the order in which it happens."""
        felt = self.felt(query, response)
        words = max(1, len(response.split()))
        reading = 1.2 + words / self.speed
        interest = 0.4 * max(-2.0, min(2.0, felt))
        dwell = reading * math.exp(interest + rng.normal(0.0, 0.35))
        acts: list[Act] = [
            ("shown", {"position": position}),
            ("scroll", {"depth": round(min(1.0, dwell / reading), 3)}),
            ("dwell", {"ms": int(min(dwell, 600.0) * 1000)}),
        ]
        if rng.random() < sigmoid(self.copies + 1.8 * felt):
            acts.append(("copy", {"chars": len(response)}))
        if rng.random() < sigmoid(self.likes + 2.2 * felt):
            acts.append(("like", {"on": True}))
        elif rng.random() < sigmoid(self.dislikes - 2.2 * felt):
            acts.append(("dislike", {"on": True}))
        if rng.random() < sigmoid(self.shares + 1.7 * felt):
            acts.append(("share", {}))
        if rng.random() < sigmoid(self.asks - 1.2 * felt):
            acts.append(("regenerate", {}))
        return acts

    def asks_again(self, query: str, responses: Sequence[str], rng: np.random.Generator) -> bool:
        """Whether the reader puts the query in other words because even the best answer disappoints."""
        best = max((self.felt(query, response) for response in responses), default=-3.0)
        return bool(rng.random() < sigmoid(self.asks + 1.0 - 1.5 * best))

    def vote(self, query: str, responses: Sequence[str], rng: np.random.Generator) -> Choice:
        """The choice among the responses shown together: the best one, a tie of the best two, or all bad."""
        if not responses:
            raise ValueError("there is nothing to vote on: give at least one response")
        scores = [
            self.felt(query, response) + float(rng.normal(0.0, self.vote_noise))
            for response in responses
        ]
        return chosen(scores, self.tie_width, self.all_bad_below)


def readers(seed: int, size: int) -> list[Reader]:
    """The first `size` readers of the population `seed`."""
    return [Reader.from_seed(seed, index) for index in range(size)]
