"""Comparisons: a query, the answers drawn for it, and what may be seen of them before and after the vote.

`Comparing` asks, writes, follows, restores and regenerates; `ComparisonView` is what a person may see. Votes and marks
are signals and go to the store. Does not know how answers are written (`app.serving`) nor what a page looks like.

Holds what the rest of the app may use; the rest of this folder is private.
"""

from app.comparing.asking import Asks, asked_by
from app.comparing.comparisons import Comparing
from app.comparing.earlier import Earlier
from app.comparing.errors import (
    CannotContinue,
    NotYours,
    Overloaded,
    StillWriting,
    TooManyOpen,
)
from app.comparing.stored import DrawnQuery
from app.comparing.thread import ThreadView
from app.comparing.view import ComparisonView
from app.comparing.writing import named

__all__ = [
    "Asks",
    "CannotContinue",
    "Comparing",
    "ComparisonView",
    "DrawnQuery",
    "Earlier",
    "NotYours",
    "Overloaded",
    "StillWriting",
    "ThreadView",
    "TooManyOpen",
    "asked_by",
    "named",
]
