"""What came of an import, or would come of it, in numbers and in words. Knows no store and no format."""

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from app.store.imports import Item
from rlhb_core.schema.records import Outcome
from rlhb_core.schema.signals import SignalKind

MOST_ERRORS = 1_000
"""Bad lines named in a result; further ones are only counted."""

DONE: dict[SignalKind, tuple[str, str]] = {
    SignalKind.VOTE: ("vote", "votes"),
    SignalKind.RANK: ("ranking", "rankings"),
    SignalKind.RATE: ("rating", "ratings"),
    SignalKind.EDIT: ("correction", "corrections"),
    SignalKind.CRITIQUE: ("comment", "comments"),
    SignalKind.COPY: ("copy", "copies"),
}
"""What kinds of acts are called in a result; all others together are further acts."""


@dataclass(frozen=True)
class BadLine:
    """A line that was not taken, and why. The first line of a file is number 1."""

    number: int
    message: str
    what: str = "line"
    """Or "record", where the file is one list of them."""

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.what} {self.number}: {self.message}"


@dataclass
class ImportResult:
    """What came of an import."""

    imported: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[BadLine] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What was taken but may not have been understood as it was meant."""
    dry: bool = False
    """Nothing was stored: it says what would be."""
    format: str = ""
    """What the file was recognised as, in words; empty for triplets and where a mapping told it."""
    what: str = "line"
    done: Counter[SignalKind] = field(default_factory=Counter)
    """The acts that came with what was imported."""
    people: set[UUID] = field(default_factory=set)
    untold: int = 0
    """Votes between versions whose texts are not known."""
    _taken: set[int] = field(default_factory=set)

    @property
    def lines(self) -> int:
        """Of how many lines something was imported."""
        return len(self._taken)

    def take(self, number: int, item: Item, new: int) -> None:
        """Note a line of which so many answers are new."""
        self.imported += new
        self.skipped += len(item.answers) - new
        if new:
            self._taken.add(number)
            self.people.add(item.person.id)
            self.done.update(signal.kind for signal in item.signals)
            self.untold += item.answers[0].outcome is Outcome.UNTOLD

    def refuse(self, number: int, message: str) -> None:
        """Note a bad line."""
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(BadLine(number, message[:500], self.what))

    def words(self) -> str:
        """The result in sentences, the last one without its full stop."""
        came = (
            f"{_count(self.imported, 'response', 'responses', '')} {'would be ' * self.dry}imported, "
            f"{self.skipped} known already, {_count(self.failed, self.what, f'{self.what}s', '')} not taken"
        )
        if not (self.imported or self.skipped or self.failed):
            came = "There is nothing in this file to import"
        told = [came, *self._further()]
        if self.dry:
            told.insert(0, "Nothing is stored yet")
        if self.format:
            told.append(f"The file was read as {self.format}")
        return ". ".join([*told, *self.warnings])

    def _further(self) -> list[str]:
        if not self.imported or not (self.format or self.dry):
            return []
        parts = [_count(self.done[kind], *names) for kind, names in DONE.items() if self.done[kind]]
        if rest := self.done.total() - sum(self.done[kind] for kind in DONE):
            parts.append(_count(rest, "further act", "further acts"))
        acts = ", ".join(parts) or "nothing that anybody did with the answers"
        lines = _count(self.lines, self.what, f"{self.what}s")
        people = _count(len(self.people), "person", "people")
        told = [f"In {lines} of {people}: {acts}"]
        if self.untold:
            votes = _count(self.untold, "vote is", "votes are")
            told.append(
                f"{votes} between versions only: no text is known, so that they count where versions are compared and "
                "train nothing"
            )
        return told


def _count(number: int, one: str, many: str, form: str = ",") -> str:
    return f"{number:{form}} {one if number == 1 else many}"
