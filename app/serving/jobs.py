"""What serving is asked and what it answers: jobs in, chunks out.

Holds the types that the ways of answering and their callers share. Knows none of them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rlhb_core.schema.history import Message
from rlhb_core.schema.records import ModelVersion, Outcome


@dataclass(frozen=True)
class Job:
    """One answer to be written by one model version."""

    version: ModelVersion
    query: str
    temperature: float
    max_new_tokens: int
    seed: int | None = None
    so_far: str = ""
    """What of the answer stands already: it goes on from there."""
    tokens_so_far: int = 0
    history: Sequence[Message] = ()
    """What went before the query; the oldest turns are left out if all of it does not fit."""


@dataclass(frozen=True)
class End:
    """How an answer ended. The sentence names neither version nor address: it is shown while names are hidden."""

    outcome: Outcome
    error: str = ""
    left_out: int = 0
    """How many of the oldest turns before the query the model was not given."""


@dataclass(frozen=True)
class Chunk:
    """More text of one job's answer, or its end."""

    job: int
    text: str = ""
    end: End | None = None


Deliver = Callable[[Chunk], None]
"""Takes a chunk; may be called from any thread."""


def ended(text: str) -> End:
    """The end of an answer that nothing went wrong with."""
    return End(Outcome.OK if text.strip() else Outcome.EMPTY)


def cut(tokens: int) -> End:
    """The end of an answer that reached its longest length."""
    return End(Outcome.CUT, f"Cut at {tokens} tokens.")


def cut_at(sentence: str) -> int:
    """How many tokens an answer had when it was cut, by the sentence that `cut` gave it; 0 if there is none."""
    found = re.match(r"Cut at (\d+) tokens\.", sentence)
    return int(found[1]) if found else 0


def failed(sentence: str) -> End:
    """The end of an answer that failed."""
    return End(Outcome.ERROR, sentence)
