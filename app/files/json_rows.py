"""The rows of JSON lines by a mapping: each object flattened to cells, so that they mean what the columns of CSV mean.

A field within another is named with dots, and one of a list by its number from 0: `completions.0.response`. A list that
is named itself is a cell, too, as JSON: a conversation, say. Knows no database; `mapping.py` tells what fields mean.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from app.files.csv_rows import Cells
from app.files.text_lines import MARK, UNREADABLE

MAX_FIELDS = 2_000
"""Most fields of a line, those within others counted."""


class JsonRows:
    """The rows of a file; a named field that a line lacks, or that is null, is an empty cell."""

    def __init__(self, lines: Iterable[str], named: set[str]) -> None:
        self._lines, self._named = lines, named
        self._met: set[str] = set()

    def __iter__(self) -> Iterator[tuple[int, Cells | str]]:
        """(number of the line, the row or what is wrong with it)."""
        for number, line in enumerate(self._lines, start=1):
            text = line.removeprefix("\ufeff") if number == 1 else line
            if text.strip():
                yield number, self._row(text)

    def never_met(self) -> list[str]:
        """Named fields that no line had: most likely they are called otherwise."""
        return sorted(self._named - self._met)

    def _row(self, line: str) -> Cells | str:
        if MARK in line:
            return UNREADABLE
        try:
            found = json.loads(line, parse_constant=_no_number)
            if not isinstance(found, dict):
                return "is no JSON object"
            cells = dict(islice(_flat(found, ""), MAX_FIELDS + 1))
            lists = {name: _list_at(found, name) for name in self._named - cells.keys()}
        except (ValueError, RecursionError):
            return "not readable as JSON"
        if len(cells) > MAX_FIELDS:
            return f"has more than {MAX_FIELDS:,} fields"
        cells |= {name: json.dumps(each) for name, each in lists.items() if each is not None}
        self._met |= self._named & cells.keys()
        return cells | dict.fromkeys(self._named - cells.keys(), "")


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in inner:
            yield from _flat(each, f"{name}.{key}" if name else str(key))
    elif value is not None:
        yield name, value if isinstance(value, str) else json.dumps(value)


def _list_at(value: Any, name: str) -> list[Any] | None:
    """The list of that name, if there is one."""
    for part in name.split("."):
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, list) else None


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
