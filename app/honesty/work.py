"""One comparison as one person judged it: what can be told of their care. Does not know what is made of it."""

from dataclasses import dataclass
from enum import StrEnum


class Said(StrEnum):
    """What a judgement came to; of a ranking, what it says of the first place."""

    BEST = "best"
    TIE = "tie"
    ALL_BAD = "all_bad"


@dataclass(frozen=True)
class Work:
    """One comparison, judged."""

    said: Said | None
    """None: it was not asked which is best."""
    seconds: float | None
    """From when it was shown, or asked, until it was judged first; None: not known."""
    characters: int
    """Of the different answers that stood there."""
    place: int | None = None
    """Where the chosen one stood, 0 the leftmost; None unless all answers were different ones and could be chosen."""
    sides: int = 0
    """How many stood side by side then."""
    right: bool | None = None
    """Whether the answer that is known to be the best was found; None: none is known, or it was not among them."""
    same: bool | None = None
    """Whether they said what they had said of the same answers before; None: it came for the first time."""
