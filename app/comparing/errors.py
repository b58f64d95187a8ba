"""Why something cannot be done with a comparison. Knows nothing else."""

from rlhb_core.errors import RlhbError


class NotYours(RlhbError):
    """The comparison belongs to somebody else."""


class StillWriting(RlhbError):
    """The answer is not complete yet."""


class CannotContinue(RlhbError):
    """There is nothing to go on with."""


class Overloaded(RlhbError):
    """An answer would take too long to begin; `retry_after_s` says when to try again."""

    retry_after_s = 5


class TooManyOpen(Overloaded):
    """The person has enough questions that are being answered."""
