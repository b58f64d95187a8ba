"""What can go wrong at the door to the database; each error's text is a sentence for a person.

* StoreError (an RlhbError): everything below.
  * Busy: the database could not do it now; nothing was stored, and trying again may help.
  * Unavailable: the database does not answer, or its file cannot be used; nothing was stored.
    * Lost: its file was deleted or replaced under a running process.
  * Full: no room is left for what was to be stored.
  * UnknownReference: something is named that is not there, or that belongs to somebody else.
  * Conflict: the same id or name is already taken by something else.
  * BadSignals: some signals of a batch cannot be taken, and why, one by one; nothing of the batch was stored.
"""

from dataclasses import dataclass
from uuid import UUID

from rlhb_core.errors import RlhbError


class StoreError(RlhbError):
    """Base of the errors of the store."""


class Busy(StoreError):
    """Not now; try again."""


class Unavailable(StoreError):
    """The database cannot be reached or used at the moment."""


class Lost(Unavailable):
    """The database file is not there any more."""


class Full(StoreError):
    """The disk has no room left."""


class UnknownReference(StoreError):
    """No such person, query, response, version or run, or not this person's."""


class Conflict(StoreError):
    """Taken by something else."""


@dataclass(frozen=True)
class Refusal:
    """Why one signal of a batch was refused. `index` is its place in the batch."""

    index: int
    id: UUID | None
    message: str


class BadSignals(StoreError):
    """Signals that cannot be taken; the sender drops exactly these and sends the rest again."""

    def __init__(self, refusals: list[Refusal]) -> None:
        self.refusals = refusals
        first = refusals[0]
        more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
        super().__init__(f"signal {first.index}: {first.message}{more}")
