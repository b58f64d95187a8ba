"""What somebody's comparisons tell of their care: figures with their intervals, and doubts in sentences.

A doubt is a sign, never a proof: each rule asks for enough comparisons that chance alone makes one of a thousand
careful people suspicious, or says how sure it is. Pure: no store, no page.
"""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum

from pydantic import BaseModel, Field
from scipy.special import bdtrc

from app.honesty.share import Share, share
from app.honesty.work import Said, Work

CHARACTERS_A_SECOND = 100
"""Faster than this nobody reads: about 1,000 words a minute, four times what people do (Brysbaert, 2019: 238)."""
FEW = 10
"""Comparisons below which pace says nothing."""
SOME = 20
"""Comparisons below which evenness says nothing."""
EVEN = 0.1
"""Spread of the logarithm of times below which they are a clock's: those of people who read spread by 0.4 and more."""
ONE_IN = 1_000
"""How seldom chance alone may put a careful person's choices so much on one side."""
ENOUGH = 0.7
"""Share of known best answers that somebody who reads finds at least; likewise of judgements that come out the same."""
ALWAYS = 0.95
"""Share of judgements that say the same from which it is always."""
PLACES = ("left", "second", "third")


class Kind(StrEnum):
    """Of what there is a doubt."""

    TOO_FAST = "too_fast"
    TOO_EVEN = "too_even"
    ONE_SIDE = "one_side"
    ALWAYS_THE_SAME = "always_the_same"
    GOLD = "gold"
    UNLIKE_BEFORE = "unlike_before"


class Doubt(BaseModel):
    """One sign that somebody may not have read."""

    kind: Kind
    sentence: str


class Signs(BaseModel):
    """What somebody's comparisons tell of their care."""

    done: int = Field(description="Comparisons judged.")
    seconds: float | None = Field(description="What one took, half of them less (median).")
    too_fast: Share = Field(description="Judged faster than anybody reads.")
    left: Share = Field(
        description="Chose the leftmost, of those where the best was chosen among different answers."
    )
    undecided: Share = Field(description="Said that it is a tie.")
    gold: Share = Field(description="Found the answer that is known to be the best.")
    same: Share = Field(description="Said the same as before of what came again.")
    doubts: list[Doubt]


def signs_of(works: Sequence[Work]) -> Signs:
    """What these comparisons of one person tell."""
    times = [each.seconds for each in works if each.seconds is not None]
    said = [each.said for each in works if each.said is not None]
    placed = [each for each in works if each.place is not None]
    signs = Signs(
        done=len(works),
        seconds=statistics.median(times) if times else None,
        too_fast=_share(
            each.seconds * CHARACTERS_A_SECOND < each.characters
            for each in works
            if each.seconds is not None
        ),
        left=_share(each.place == 0 for each in placed),
        undecided=_share(each is Said.TIE for each in said),
        gold=_share(each.right for each in works if each.right is not None),
        same=_share(each.same for each in works if each.same is not None),
        doubts=[],
    )
    rules: tuple[Callable[[], Iterator[Doubt]], ...] = (
        lambda: _too_fast(signs.too_fast),
        lambda: _too_even(times),
        lambda: _one_side(placed),
        lambda: _always_the_same(said),
        lambda: _gold(signs.gold),
        lambda: _unlike_before(signs.same),
    )
    return signs.model_copy(update={"doubts": [doubt for rule in rules for doubt in rule()]})


def _share(hits: Iterable[bool | None]) -> Share:
    found = list(hits)
    return share(sum(map(bool, found)), len(found))


def _too_fast(fast: Share) -> Iterator[Doubt]:
    if fast.of >= FEW and fast.count * 2 > fast.of:
        yield Doubt(
            kind=Kind.TOO_FAST,
            sentence=f"Judged {fast.words} faster than anybody reads ({CHARACTERS_A_SECOND} characters a second).",
        )


def _too_even(times: Sequence[float]) -> Iterator[Doubt]:
    if len(times) < SOME or min(times) <= 0:
        return
    if statistics.stdev(map(math.log, times)) < EVEN:
        yield Doubt(
            kind=Kind.TOO_EVEN,
            sentence=f"Took nearly the same time for each of {len(times):,}, whatever there was to read: "
            f"about {statistics.median(times):.1f} s.",
        )


def _one_side(placed: Sequence[Work]) -> Iterator[Doubt]:
    """Sides are shuffled, so that whoever reads chooses each place equally often, however good the answers are."""
    for sides, many in Counter(each.sides for each in placed).items():
        places = Counter(each.place for each in placed if each.sides == sides)
        place, count = places.most_common(1)[0]
        # P(X >= count) of a binomial; any of the places could have been the one
        if sides > 1 and bdtrc(count - 1, many, 1 / sides) * sides < 1 / ONE_IN:
            yield Doubt(
                kind=Kind.ONE_SIDE,
                sentence=f"Chose the {_place(place, sides)} answer {count:,} of {many:,} times; "
                f"who reads chooses it about {round(many / sides):,} times.",
            )


def _place(place: int | None, sides: int) -> str:
    return "right" if place == sides - 1 else PLACES[place or 0]


def _always_the_same(said: Sequence[Said]) -> Iterator[Doubt]:
    most, count = Counter(said).most_common(1)[0] if said else (None, 0)
    if len(said) < SOME or most in (None, Said.BEST) or count < ALWAYS * len(said):
        return
    words = "it is a tie" if most is Said.TIE else "all are bad"
    yield Doubt(
        kind=Kind.ALWAYS_THE_SAME, sentence=f"Said {count:,} of {len(said):,} times that {words}."
    )


def _gold(gold: Share) -> Iterator[Doubt]:
    if gold.high is not None and gold.high < ENOUGH:
        yield Doubt(kind=Kind.GOLD, sentence=f"Found the known best answer {gold.words} times.")


def _unlike_before(same: Share) -> Iterator[Doubt]:
    if same.high is not None and same.high < ENOUGH:
        yield Doubt(
            kind=Kind.UNLIKE_BEFORE,
            sentence=f"Said the same {same.words} times when something came again.",
        )
