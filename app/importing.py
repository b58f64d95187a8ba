"""Files -> store: triplets read back, and CSV files with a column mapping. Knows no SQL and no HTTP.

Holds what every import shares: bad lines are named by their number with a sentence and do not stop the rest; lines
that are known already are skipped, so that an import can be repeated; each chunk of lines is one unit of work.
What a CSV row means is told in `app.mapping` and `app.csv_rows`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from uuid import UUID, uuid5

from pydantic import ValidationError

from app.csv_rows import csv_items, read_joined
from app.mapping import Mapping, load_mapping
from app.store import Store, imports
from app.store.engine import storable
from app.store.imports import NAMESPACE, UNNAMED, Answer, Behavior, Item
from rlhb_core.behaviors import parse
from rlhb_core.errors import BadRecord
from rlhb_core.records import SCHEMA_VERSION, Outcome, Person, Query, Source, Triplet, describe

CHUNK = 2_000
"""Lines per unit of work."""

MOST_ERRORS = 1_000
"""Bad lines named in a result; further ones are only counted."""


@dataclass(frozen=True)
class BadLine:
    """A line that was not taken, and why. The first line of a file is number 1."""

    number: int
    message: str

    def __str__(self) -> str:
        """As people read it."""
        return f"line {self.number}: {self.message}"


@dataclass
class ImportResult:
    """What came of an import."""

    imported: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[BadLine] = field(default_factory=list)

    def words(self) -> str:
        """The result as a sentence."""
        return (
            f"{self.imported} responses imported, {self.skipped} known already, "
            f"{self.failed} lines not taken"
        )

    def refuse(self, number: int, message: str) -> None:
        """Note a bad line."""
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(BadLine(number, message))


Parsed = tuple[int, Item | str]
"""Line number, and what the line says or why it says nothing."""


def import_file(store: Store, path: Path, mapping: Path | None = None) -> ImportResult:
    """Import a file: triplets as JSON lines, or CSV if a mapping is given.

    A second file that the mapping joins is looked for beside the first.
    """
    if mapping is None:
        if path.suffix.lower() == ".csv":
            raise BadRecord(
                f"{path.name}: a CSV file needs a mapping that names its columns (--mapping)"
            )
        with path.open("rb") as file:
            return import_jsonl(store, file)
    with path.open(encoding="utf-8-sig", newline="") as text:
        return import_csv(store, text, load_mapping(mapping), path.parent)


def import_jsonl(store: Store, lines: Iterable[str | bytes]) -> ImportResult:
    """Import triplets as `app.export.triplet_lines` writes them.

    Their source becomes `imported`, unless the line says simulated. Behaviours are kept as they are.
    """
    return _import(store, _triplets(lines))


def import_csv(
    store: Store, lines: Iterable[str], mapping: Mapping, folder: Path = Path()
) -> ImportResult:
    """Import the rows of a CSV file; `folder` is where the file that the mapping joins lies."""
    joined = read_joined(mapping, folder)
    return _import(store, csv_items(lines, mapping, joined, NAMESPACE))


def _import(store: Store, parsed: Iterator[Parsed]) -> ImportResult:
    result = ImportResult()
    while chunk := list(islice(parsed, CHUNK)):
        items = [(number, item) for number, item in chunk if isinstance(item, Item)]
        with store.session() as session:
            told = imports.add(session, [item for _, item in items])
        bad = {number: item for number, item in chunk if isinstance(item, str)}
        for (number, item), outcome in zip(items, told, strict=True):
            if isinstance(outcome, str):
                bad[number] = outcome
            else:
                result.imported += outcome
                result.skipped += len(item.answers) - outcome
        for number, message in sorted(bad.items()):
            result.refuse(number, message)
    return result


def _triplets(lines: Iterable[str | bytes]) -> Iterator[Parsed]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, _item(Triplet.model_validate_json(line.strip()))
        except ValidationError as error:
            yield number, describe(error)
        except BadRecord as error:
            yield number, str(error)


def _item(triplet: Triplet) -> Item:
    """The triplet as an item. Raises BadRecord (or ValidationError) if it cannot be stored."""
    if triplet.schema_version > SCHEMA_VERSION:
        raise BadRecord(
            f"schema_version {triplet.schema_version} is newer than this program knows ({SCHEMA_VERSION}); upgrade it"
        )
    if triplet.outcome is Outcome.PENDING:
        raise BadRecord("outcome: a response that is still pending is no triplet")
    if (triplet.position or 0) > 15:
        raise BadRecord("position: at most 15")
    if len(triplet.model_version) > 80:
        raise BadRecord("model_version: at most 80 characters")
    parse(triplet.behavior_text)
    source = Source.SIMULATED if triplet.source is Source.SIMULATED else Source.IMPORTED
    person = _person(triplet.person, source)
    model = storable(triplet.model_version)
    return Item(
        person=person,
        query=Query(
            id=triplet.query_id,
            person_id=person.id,
            text=storable(triplet.query),
            source=source,
            created_ms=_ms(triplet.asked_at, "asked_at"),
        ),
        answers=[
            Answer(
                id=triplet.response_id,
                version_id=uuid5(NAMESPACE, f"version|{triplet.arm}|{model}"),
                model=model,
                arm=triplet.arm,
                text=storable(triplet.response),
                outcome=triplet.outcome,
                position=triplet.position,
                draw_probability=triplet.draw_probability,
                condition=None if triplet.condition is None else storable(triplet.condition),
                created_ms=_ms(triplet.answered_at, "answered_at"),
                behavior=Behavior(
                    features=triplet.behavior_features.model_dump_json(),
                    text=triplet.behavior_text,
                    vote=triplet.behavior_features.vote,
                    verbaliser_version=triplet.verbaliser_version,
                    unblinded=triplet.unblinded,
                ),
            )
        ],
    )


def _person(named: str | None, source: Source) -> Person:
    """The person behind a line: all lines that name nobody share one person per source."""
    if named is None:
        return Person(id=UNNAMED[source], display_name="not named", source=source)
    try:
        person_id = UUID(named)
    except ValueError:
        person_id = uuid5(NAMESPACE, f"person|{source}|{named}")
    return Person(id=person_id, display_name=storable(named)[:80], source=source)


def _ms(moment: str, name: str) -> int:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        raise BadRecord(f"{name}: not an ISO 8601 time such as 2026-11-21T08:30:00Z") from None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    ms = round(parsed.timestamp() * 1000)
    if ms < 0:
        raise BadRecord(f"{name}: lies before 1970")
    return ms
