"""Who can say what answers are really worth, where anybody can: handed to a run by whoever starts it."""

from typing import Any, NamedTuple, Protocol

from rlhb_core.learning.session import Metrics, Session

Answers = dict[str, list[str]]
"""What each policy answered, in the order of the questions."""


class Examined(NamedTuple):
    """What came of an examination."""

    figures: dict[str, Any]
    answers: Answers


class Watch(Protocol):
    """Looks at the policy now and then while it is trained."""

    def look(self, iteration: int) -> Metrics:
        """What it is worth, by metric; nothing between two looks."""
        ...


class Examiner(Protocol):
    """Knows questions, grades and what readers really want."""

    def watch(self, session: Session) -> Watch:
        """A watch on this run."""
        ...

    def examine(self, session: Session) -> Examined | None:
        """What the trained policy is worth; None for a run whose answers it cannot grade."""
        ...


class Nobody:
    """The examiner of a run whose answers nobody can grade."""

    def watch(self, session: Session) -> Watch:
        """Sees nothing."""
        return self

    def look(self, iteration: int) -> Metrics:
        """Nothing."""
        return {}

    def examine(self, session: Session) -> Examined | None:
        """Nothing."""
        return None
