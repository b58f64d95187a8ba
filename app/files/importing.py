"""Files -> store: triplets read back, and the files of others with a mapping of their columns. Knows no SQL, no HTTP.

Holds what every import shares: bad lines are named by their number with a sentence and do not stop the rest; lines
that are known already are skipped, so that an import can be repeated; each chunk of lines is one unit of work.
What a row means is told in `mapping.py` and `csv_items.py`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from uuid import UUID, uuid5

from pydantic import ValidationError

from app.files.csv_items import Unknown, items_of
from app.files.csv_rows import Cells, read_joined, rows_of
from app.files.json_rows import JsonRows
from app.files.mapping import Mapping, columns_of, load_mapping
from app.files.text_lines import MARK, UNREADABLE, hint, read_lines
from app.files.times import to_ms
from app.store import Store, imports, storable
from app.store.imports import NAMESPACE, UNNAMED, Answer, Behavior, Item
from rlhb_core.errors import BadRecord
from rlhb_core.schema.behaviors import parse
from rlhb_core.schema.record import describe
from rlhb_core.schema.records import SCHEMA_VERSION, Outcome, Person, Query, Source, Triplet

JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
"""How the names of files end that hold a JSON object in each line."""

CHUNK = 2_000
"""Lines per unit of work."""

MOST_ERRORS = 1_000
"""Bad lines named in a result; further ones are only counted."""

MOST_WARNINGS = 20
"""Lines of a joined file that are named."""

MAX_ANSWER = 200_000
"""Longest response taken, in characters."""


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
    warnings: list[str] = field(default_factory=list)
    """What was taken but may not have been understood as it was meant."""

    def words(self) -> str:
        """The result in sentences, the last one without its full stop."""
        responses = "response" if self.imported == 1 else "responses"
        lines = "line" if self.failed == 1 else "lines"
        came = (
            f"{self.imported} {responses} imported, {self.skipped} known already, "
            f"{self.failed} {lines} not taken"
        )
        if not (self.imported or self.skipped or self.failed):
            came = "There is nothing in this file to import"
        return ". ".join([came, *self.warnings])

    def refuse(self, number: int, message: str) -> None:
        """Note a bad line."""
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(BadLine(number, message[:500]))


Parsed = tuple[int, Item | str]
"""Line number, and what the line says or why it says nothing."""


def import_file(
    store: Store, path: Path, mapping: Path | None = None, encoding: str = ""
) -> ImportResult:
    """Import a file: triplets as JSON lines, or with a mapping CSV or any JSON lines. Encoding: UTF-8 unless told.

    A second file that the mapping joins is looked for beside the first.
    """
    if mapping is None and path.suffix.lower() == ".csv":
        raise BadRecord(
            f"{path.name}: a CSV file needs a mapping that names its columns: choose its .toml file beside "
            "it, or give it as --mapping"
        )
    if mapping is None:
        result = import_jsonl(store, read_lines(path, encoding))
    elif path.suffix.lower() in JSON_LINES:
        meaning = load_mapping(mapping)
        result = import_json(store, read_lines(path, encoding), meaning, path.parent, encoding)
    else:
        meaning = load_mapping(mapping)
        result = import_csv(store, read_lines(path, encoding, ""), meaning, path.parent, encoding)
    if unreadable := sum(error.message == UNREADABLE for error in result.errors):
        lines = "1 line is" if unreadable == 1 else f"{unreadable:,} lines are"
        result.warnings.append(f"{lines} not readable; {hint(path, encoding)}")
    return result


def import_jsonl(store: Store, lines: Iterable[str | bytes]) -> ImportResult:
    """Import triplets as `exporting.triplet_lines` writes them.

    Their source becomes `imported`, unless the line says simulated. Behaviours are kept as they are.
    """
    return _import(store, _triplets(lines))


def import_csv(
    store: Store,
    lines: Iterable[str],
    mapping: Mapping,
    folder: Path = Path(),
    encoding: str = "",
) -> ImportResult:
    """Import the rows of a CSV file; `folder` is where the file that the mapping joins lies."""
    rows = rows_of(lines, mapping.delimiter, _named(mapping), "the file")
    return _import_rows(store, rows, mapping, folder, encoding)


def import_json(
    store: Store,
    lines: Iterable[str],
    mapping: Mapping,
    folder: Path = Path(),
    encoding: str = "",
) -> ImportResult:
    """Import JSON lines by a mapping of their fields; `folder` as for CSV."""
    rows = JsonRows(lines, _named(mapping))
    result = _import_rows(store, rows, mapping, folder, encoding)
    if (result.imported or result.failed) and (missing := rows.never_met()):
        result.warnings.append(f"no line has {', '.join(missing)}, which the mapping names")
    return result


def _named(mapping: Mapping) -> set[str]:
    return columns_of(mapping).union(*(columns_of(answer) for answer in mapping.answers))


def _import_rows(
    store: Store,
    rows: Iterable[tuple[int, Cells | str]],
    mapping: Mapping,
    folder: Path,
    encoding: str,
) -> ImportResult:
    joined, wrong = read_joined(mapping, folder, encoding)
    unknown = Unknown()
    result = _import(store, items_of(rows, mapping, joined, NAMESPACE, unknown))
    result.warnings += unknown.sentences() + wrong[:MOST_WARNINGS]
    if len(wrong) > MOST_WARNINGS:
        result.warnings.append(f"and {len(wrong) - MOST_WARNINGS:,} more lines of the joined file")
    return result


def _import(store: Store, parsed: Iterator[Parsed]) -> ImportResult:
    result = ImportResult()
    while chunk := list(islice(parsed, CHUNK)):
        items = [(number, item) for number, item in chunk if isinstance(item, Item)]
        told = imports.take(store, [item for _, item in items])
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
        text = line.decode("utf-8", "rlhb-mark") if isinstance(line, bytes) else line
        text = text.removeprefix("\ufeff").strip() if number == 1 else text.strip()
        if not text:
            continue
        if MARK in text:
            yield number, UNREADABLE
            continue
        try:
            yield number, _item(Triplet.model_validate_json(text, strict=True))
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
    if len(triplet.response) > MAX_ANSWER:
        raise BadRecord(f"response: at most {MAX_ANSWER:,} characters")
    if len(triplet.model_version) > 80:
        raise BadRecord("model_version: at most 80 characters")
    parse(triplet.behavior_text)
    _check_marks(triplet)
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
            conversation=triplet.conversation,
            turn=triplet.turn,
            history=triplet.history,
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
                    text=storable(triplet.behavior_text),
                    vote=triplet.behavior_features.vote,
                    verbaliser_version=triplet.verbaliser_version,
                    unblinded=triplet.unblinded,
                ),
                # its own: another answer to the same query may have had a thread of its own
                history=triplet.history if triplet.history or triplet.turn > 1 else None,
                left_out=triplet.left_out,
            )
        ],
    )


def _check_marks(triplet: Triplet) -> None:
    """Raise BadRecord for a mark beside the text, or whose words are others."""
    for mark in triplet.behavior_features.marks:
        if mark.words != triplet.response[mark.start : mark.end] or not mark.words:
            raise BadRecord(
                "behavior_features: the words of a mark are not those of the response between its start and its end"
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
    return to_ms(parsed, name)
