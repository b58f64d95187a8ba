"""The rows of CSV files, of the second one too that a mapping joins: read so that one broken line costs no other.

Knows no database; what the columns mean is told by `mapping.py`, what a row says by `csv_items.py`.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from app.files.mapping import Mapping, columns_of
from app.files.text_lines import MARK, MAX_LINE, UNREADABLE, read_lines
from rlhb_core.errors import BadConfig

csv.field_size_limit(MAX_LINE)

Cells = dict[str, str]
"""A row: what stands in it, by column."""
JoinedRows = dict[tuple[str, str], Cells]
"""Rows of a joined file by (query, number of the answer)."""


def read_joined(mapping: Mapping, folder: Path, encoding: str = "") -> tuple[JoinedRows, list[str]]:
    """The rows of the file that the mapping joins (none if it joins none), and what is wrong with others of them."""
    if mapping.joined is None:
        return {}, []
    path = folder / mapping.joined.file
    if not path.is_file() or path.resolve().parent != folder.resolve():  # `..`, or a link out
        raise BadConfig(f"the mapping joins {mapping.joined.file}, which is not beside the file")
    named = columns_of(mapping.joined) - {mapping.joined.file}
    found: JoinedRows = {}
    wrong: list[str] = []
    for number, row in rows_of(read_lines(path, encoding, ""), mapping.delimiter, named, path.name):
        where = f"line {number} of {path.name}"
        if isinstance(row, str):
            wrong.append(f"{where}: {row}")
            continue
        key = (plain(row[mapping.joined.query]), plain(row[mapping.joined.answer]))
        if key in found:
            wrong.append(f"{where}: there is a line for this answer already, which counts")
        else:
            found[key] = row
    return found, wrong


def rows_of(
    lines: Iterable[str], delimiter: str, named: set[str], where: str
) -> Iterator[tuple[int, Cells | str]]:
    """(number of its first line, the row or what is wrong with it) for each row after the first,
    which names the columns.

    A quotation mark that is never closed swallows the lines after it, until something does not fit: then those are read
    again from the second one on, so that one broken line costs no other.
    """
    source = _Lines(lines)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    try:
        columns = next(reader, [])
    except csv.Error as error:
        raise BadConfig(f"the first line of {where} is not readable as CSV: {error}") from None
    _need(columns, named, where)
    while True:
        number = source.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            source.again_from_second()
            yield number, f"not readable as CSV: {error}"
            continue
        if not cells:
            continue
        if any(MARK in cell for cell in cells):
            yield number, UNREADABLE
        elif len(cells) != len(columns):
            yield number, "has another number of columns than the first line"
        else:
            yield number, dict(zip(columns, cells, strict=True))


class _Lines:
    """Lines that know their number and can be read again."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        self._number += 1
        return line

    def begin(self) -> int:
        """A new row begins; returns the number of its first line."""
        self._taken.clear()
        return self._number + 1

    def again_from_second(self) -> None:
        """Of the lines of this row, all but the first come again."""
        rest = self._taken[1:]
        self._again.extendleft(reversed(rest))
        self._number -= len(rest)


def _need(there: Sequence[str], named: set[str], where: str) -> None:
    missing = sorted(named - set(there))
    if missing:
        raise BadConfig(f"{where} has no column {', '.join(missing)}; look at the mapping")
    twice = sorted(name for name in named if there.count(name) > 1)
    if twice:
        raise BadConfig(f"{where} has the column {', '.join(twice)} twice; rename one of them")


def plain(value: str) -> str:
    """A key as text; what a spreadsheet made of whole numbers (1.0) is undone."""
    value = value.strip()
    head, dot, tail = value.partition(".")
    return head if dot and head.lstrip("-").isdigit() and set(tail) <= {"0"} else value
