"""Files -> store: triplets read back, formats that are known by themselves, and any other by a mapping of its columns.

Holds what every import shares: bad lines are named by their number with a sentence and do not stop the rest; lines
that are known already are skipped, so that an import can be repeated; each chunk of lines is one unit of work. A dry
one goes the same way and stores nothing. What a row means is told in `mapping.py`, `csv_items.py` and `shapes`. Knows
no SQL, no HTTP.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from app.files.csv_items import items_of
from app.files.csv_rows import Cells, JoinedRows, read_joined, rows_of
from app.files.import_result import BadLine, ImportResult
from app.files.json_rows import JsonObjects, JsonRows
from app.files.mapping import Mapping, columns_of, load_mapping
from app.files.shapes import recognised
from app.files.text_lines import UNREADABLE, hint, read_lines
from app.files.triplet_items import triplet_items
from app.files.unknown import Unknown
from app.store import Store, imports
from app.store.imports import NAMESPACE, Item
from rlhb_core.errors import BadRecord

__all__ = ["BadLine", "ImportResult", "import_csv", "import_file", "import_json", "import_jsonl"]

JSON_FILES = frozenset({".jsonl", ".ndjson", ".json"})
"""How the names of files end that hold a JSON object in each line, or a list of them."""

CHUNK = 2_000
"""Lines per unit of work."""

LOOKED_AT = 100
"""Records at the beginning of a file by which its format is known."""

MOST_WARNINGS = 20
"""Lines of a joined file that are named."""

Parsed = tuple[int, Item | str]
"""Line number, and what the line says or why it says nothing."""


def import_file(
    store: Store, path: Path, mapping: Path | None = None, encoding: str = "", dry: bool = False
) -> ImportResult:
    """Import a file: triplets as JSON lines, a format that is known by itself, or any CSV or JSON with a mapping.

    Encoding: UTF-8 unless told. A second file that the mapping joins is looked for beside the first. `dry`: store
    nothing, and say what would be.
    """
    is_json = path.suffix.lower() in JSON_FILES
    lines = read_lines(path, encoding, "\n" if is_json else "")
    if mapping is not None:
        meaning = load_mapping(mapping)
        read = import_json if is_json else import_csv
        result = read(store, lines, meaning, path.parent, encoding, dry)
    elif path.suffix.lower() == ".csv":
        result = _import_table(store, lines, path.name, dry)
    else:
        result = _import_objects(store, path, lines, encoding, dry)
    if unreadable := sum(error.message == UNREADABLE for error in result.errors):
        told = "1 line is" if unreadable == 1 else f"{unreadable:,} lines are"
        result.warnings.append(f"{told} not readable; {hint(path, encoding)}")
    return result


def import_jsonl(store: Store, lines: Iterable[str | bytes], dry: bool = False) -> ImportResult:
    """Import triplets as `exporting.triplet_lines` writes them.

    Their source becomes `imported`, unless the line says simulated. Behaviours are kept as they are.
    """
    return _import(store, triplet_items(lines), dry)


def import_csv(
    store: Store,
    lines: Iterable[str],
    mapping: Mapping,
    folder: Path = Path(),
    encoding: str = "",
    dry: bool = False,
) -> ImportResult:
    """Import the rows of a CSV file; `folder` is where the file that the mapping joins lies."""
    rows = rows_of(lines, mapping.delimiter, _named(mapping), "the file")
    return _import_rows(store, rows, mapping, folder, encoding, dry)


def import_json(
    store: Store,
    lines: Iterable[str],
    mapping: Mapping,
    folder: Path = Path(),
    encoding: str = "",
    dry: bool = False,
) -> ImportResult:
    """Import JSON by a mapping of its fields; `folder` as for CSV."""
    objects = JsonObjects(lines)
    rows = JsonRows(objects, _named(mapping))
    result = _told_of(objects, _import_rows(store, rows, mapping, folder, encoding, dry))
    if (result.imported or result.failed) and (missing := rows.never_met()):
        result.warnings.append(f"no line has {', '.join(missing)}, which the mapping names")
    return result


def _import_table(store: Store, lines: Iterable[str], name: str, dry: bool) -> ImportResult:
    """A CSV file without a mapping. Raises BadRecord if it is of no format that is known."""
    rows = rows_of(lines, ",", set(), "the file")
    result = _import_known(store, rows, dry)
    if result is None:
        raise BadRecord(
            f"{name}: its columns are of no format that is known by itself (battles: model_a, model_b, winner; prompt, "
            "chosen, rejected), so it needs a mapping that names them: choose its .toml file beside it, or give it as "
            "--mapping"
        )
    return result


def _import_objects(
    store: Store, path: Path, lines: Iterable[str], encoding: str, dry: bool
) -> ImportResult:
    """JSON without a mapping: what no other format knows is read as triplets."""
    objects = JsonObjects(lines)
    result = _import_known(store, objects, dry)
    if result is not None:
        return _told_of(objects, result)
    return import_jsonl(store, read_lines(path, encoding), dry)


def _import_known(
    store: Store, records: Iterable[tuple[int, dict[str, Any] | str]], dry: bool
) -> ImportResult | None:
    """Import a file of a format that is known by itself; None if it is of none."""
    rest = iter(records)
    first = list(islice(rest, LOOKED_AT))
    shape = recognised(record for _, record in first if not isinstance(record, str))
    if shape is None:
        return None
    rows = shape.rows_of(chain(first, rest))
    result = _import_meant(store, rows, shape.meaning, dry)
    result.format = shape.name
    return result


def _told_of(objects: JsonObjects, result: ImportResult) -> ImportResult:
    """The same, speaking of records where the file is a list of them."""
    if objects.is_list:
        result.what = "record"
        result.errors = [replace(each, what="record") for each in result.errors]
    return result


def _named(mapping: Mapping) -> set[str]:
    return columns_of(mapping).union(*(columns_of(answer) for answer in mapping.answers))


def _import_rows(
    store: Store,
    rows: Iterable[tuple[int, Cells | str]],
    mapping: Mapping,
    folder: Path,
    encoding: str,
    dry: bool,
) -> ImportResult:
    joined, wrong = read_joined(mapping, folder, encoding)
    result = _import_meant(store, rows, mapping, dry, joined)
    result.warnings += wrong[:MOST_WARNINGS]
    if len(wrong) > MOST_WARNINGS:
        result.warnings.append(f"and {len(wrong) - MOST_WARNINGS:,} more lines of the joined file")
    return result


def _import_meant(
    store: Store,
    rows: Iterable[tuple[int, Cells | str]],
    meaning: Mapping | Callable[[Cells], Mapping],
    dry: bool,
    joined: JoinedRows | None = None,
) -> ImportResult:
    unknown = Unknown()
    result = _import(store, items_of(rows, meaning, joined or {}, NAMESPACE, unknown), dry)
    result.warnings += unknown.sentences()
    return result


def _import(store: Store, parsed: Iterator[Parsed], dry: bool) -> ImportResult:
    result = ImportResult(dry=dry)
    looked = imports.Known() if dry else None
    while chunk := list(islice(parsed, CHUNK)):
        items = [(number, item) for number, item in chunk if isinstance(item, Item)]
        taken = [item for _, item in items]
        told = imports.take(store, taken) if looked is None else imports.look(store, taken, looked)
        bad = [(number, item) for number, item in chunk if isinstance(item, str)]
        for (number, item), outcome in zip(items, told, strict=True):
            if isinstance(outcome, str):
                bad.append((number, outcome))
            else:
                result.take(number, item, outcome)
        for number, message in sorted(bad):
            result.refuse(number, message)
    return result
