"""Filling a study with items: those of a file, those of a folder, and what people have asked here. Each is taken once.

Does not know how a file is read (`app.files`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from uuid import UUID

from app.files import FoundItem, read_folder, read_items
from app.store import FREE, Connection, Item, NewItem, Prepared, Store, items, studies, versions
from rlhb_core.errors import BadRecord

CHUNK = 500
"""Items per unit of work."""
MOST_BAD = 50
"""Lines that are named; further ones are only counted."""
MOST_ITEMS = 100_000
"""Items that one study holds at most."""
UNNAMED = "not named"
"""The version of an answer that nobody named one for."""


@dataclass
class Filled:
    """What came of it."""

    added: int = 0
    known: int = 0
    failed: int = 0
    further: int = 0
    """Questions that were to follow others of the file, and were left out."""
    bad: list[tuple[int, str]] = field(default_factory=list)
    """Lines that were not taken, by their number, and why."""

    @property
    def sentence(self) -> str:
        """In words."""
        if not (self.added or self.known or self.failed):
            return "There was no question in it."
        lines = "line" if self.failed == 1 else "lines"
        told = f"{self.added:,} added, {self.known:,} there already, {self.failed:,} {lines} not taken."
        if not self.further:
            return told
        turns = "further turn was" if self.further == 1 else "further turns were"
        return f"{told} {self.further:,} {turns} left out: an item asks the first of several questions."


def fill_from_file(store: Store, study_id: UUID, path: Path, encoding: str = "") -> Filled:
    """The questions of a file; or of a folder, each of its texts as one question.

    Raises UnknownReference, and BadRecord or BadConfig for a file that cannot be read at all.
    """
    found = read_folder(path) if path.is_dir() else read_items(path, encoding)
    filled = Filled()

    def good() -> Iterator[FoundItem]:
        for number, each in found:
            if isinstance(each, FoundItem):
                filled.further += each.further
                yield each
                continue
            filled.failed += 1
            if len(filled.bad) < MOST_BAD:
                filled.bad.append((number, each))

    _fill(store, study_id, ((each, None) for each in good()), filled)
    return filled


def fill_from_store(store: Store, study_id: UUID, most: int) -> Filled:
    """What people have asked here, the newest first, at most so many. Raises UnknownReference."""
    with store.reading() as connection:
        asked = items.asked(connection, most)
    filled = Filled()
    _fill(store, study_id, ((FoundItem(text), who) for text, who in asked), filled)
    return filled


def _fill(
    store: Store, study_id: UUID, found: Iterable[tuple[FoundItem, UUID | None]], filled: Filled
) -> None:
    if study_id == FREE:
        raise BadRecord("free questions have no items; make a study for them")
    waiting = iter(found)
    while chunk := list(islice(waiting, CHUNK)):
        with store.writing() as connection:
            studies.get(connection, study_id)
            studies.lock(connection, [study_id])  # numbers follow each other
            if items.count(connection, study_id) + len(chunk) > MOST_ITEMS:
                raise BadRecord(
                    f"a study holds at most {MOST_ITEMS:,} items; what came before this is in it, "
                    "make another study for the rest"
                )
            new = [_new(connection, study_id, each, who) for each, who in chunk]
            added = items.add(connection, new)
        filled.added += added
        filled.known += len(chunk) - added


def _new(connection: Connection, study_id: UUID, found: FoundItem, who: UUID | None) -> NewItem:
    item = Item(
        study_id=study_id,
        number=0,
        text=found.text,
        history=list(found.history),
        tags=list(found.tags),
        gold=found.best,
    )
    seen: Counter[UUID] = Counter()
    prepared = []
    for place, answer in enumerate(found.answers):
        version_id = versions.known_as(connection, answer.model or UNNAMED)
        prepared.append(
            Prepared(
                item_id=item.id,
                version_id=version_id,
                nth=seen[version_id],
                came_with_item=True,
                text=answer.text,
                created_ms=item.created_ms + place,  # so that they stay in their order
            )
        )
        seen[version_id] += 1
    return NewItem(item, prepared, who)
