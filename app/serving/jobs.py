"""What serving is asked and what it answers: jobs in, chunks out.

Holds the types that the local models, the remote servers and their callers share. Knows none of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rlhb_core.records import ModelVersion, Outcome


@dataclass(frozen=True)
class Job:
    """One answer to be written by one model version."""

    version: ModelVersion
    query: str
    temperature: float
    max_new_tokens: int
    seed: int | None = None


@dataclass(frozen=True)
class End:
    """How an answer ended. The sentence names neither version nor address: it is shown while names are hidden."""

    outcome: Outcome
    error: str = ""


@dataclass(frozen=True)
class Chunk:
    """More text of one job's answer, or its end."""

    job: int
    text: str = ""
    end: End | None = None


Deliver = Callable[[Chunk], None]
"""Takes a chunk; may be called from any thread."""


def ended(text: str, cut_off: bool = False) -> End:
    """The end of an answer that nothing went wrong with."""
    if cut_off:
        return End(Outcome.STOPPED, "The answer was stopped.")
    return End(Outcome.OK if text.strip() else Outcome.EMPTY)


def failed(sentence: str) -> End:
    """The end of an answer that failed."""
    return End(Outcome.ERROR, sentence)
