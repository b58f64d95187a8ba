"""JSON of others: the objects of a file, one in each line or all in one list; and their fields as the cells of a row.

A field within another is named with dots, and one of a list by its number from 0: `completions.0.response`. A list that
is named itself is a cell, too, as JSON: a conversation, say. Knows no database; `mapping.py` tells what fields mean.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from app.files.csv_rows import Cells
from app.files.text_lines import MARK, UNREADABLE

MAX_FIELDS = 2_000
"""Most fields of a line, those within others counted."""

UNREAD = "not readable as JSON"
_SPACE = " \t\r\n"

Told = dict[str, Any]
"""An object of a file."""


class JsonObjects:
    """The objects of a file, in lines or in one list, which is then read whole; `is_list` is known once they are asked
    for.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.is_list = False

    def __iter__(self) -> Iterator[tuple[int, Told | str]]:
        """(number of the line, or in a list of the record, from 1; the object or what is wrong with it)."""
        for number, first in enumerate(self._lines, start=1):
            text = first.removeprefix("\ufeff") if number == 1 else first
            if text.strip():
                self.is_list = text.lstrip().startswith("[") and not self._is_line(text)
                if self.is_list:
                    yield from _elements("".join(chain([text], self._lines)))
                else:
                    yield from _by_line(chain([text], self._lines), number)
                return

    @staticmethod
    def _is_line(text: str) -> bool:
        """Whether a line that begins with a bracket is a line by itself: a list of no objects."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return False
        return not all(isinstance(each, dict) for each in found)


def _by_line(lines: Iterable[str], start: int) -> Iterator[tuple[int, Told | str]]:
    for number, line in enumerate(lines, start):
        if line.strip():
            yield number, _parsed(line)


def _parsed(line: str) -> Told | str:
    if MARK in line:
        return UNREADABLE
    try:
        found = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return UNREAD
    return found if isinstance(found, dict) else "is no JSON object"


def _elements(text: str) -> Iterator[tuple[int, Told | str]]:
    """The objects of a list. Behind one that cannot be read nothing can."""
    decoder = json.JSONDecoder(parse_constant=_no_number)
    at, number = _behind(text, text.index("[") + 1), 0
    while at < len(text) and text[at] != "]":
        number += 1
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            yield number, f"{UNREAD}, nor is what stands behind it"
            return
        if MARK in text[at:end]:
            yield number, UNREADABLE
        else:
            yield number, found if isinstance(found, dict) else "is no JSON object"
        at = _behind(text, end)
        if at < len(text) and text[at] == ",":
            at = _behind(text, at + 1)
    if at >= len(text) or text[at + 1 :].strip():
        yield number + 1, "the list does not end where the file does"


def _behind(text: str, at: int) -> int:
    """Where the next thing begins that is no white space."""
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


class JsonRows:
    """The rows of a file; a named field that an object lacks, or that is null, is an empty cell."""

    def __init__(self, objects: Iterable[tuple[int, Told | str]], named: set[str]) -> None:
        self._objects, self._named = objects, named
        self._met: set[str] = set()

    def __iter__(self) -> Iterator[tuple[int, Cells | str]]:
        """(number of the line, the row or what is wrong with it)."""
        for number, found in self._objects:
            yield number, found if isinstance(found, str) else self._row(found)

    def never_met(self) -> list[str]:
        """Named fields that no line had: most likely they are called otherwise."""
        return sorted(self._named - self._met)

    def _row(self, found: Told) -> Cells | str:
        try:
            cells = dict(islice(_flat(found, ""), MAX_FIELDS + 1))
            lists = {name: _list_at(found, name) for name in self._named - cells.keys()}
            cells |= {name: json.dumps(each) for name, each in lists.items() if each is not None}
        except RecursionError:
            return UNREAD
        if len(cells) > MAX_FIELDS:
            return f"has more than {MAX_FIELDS:,} fields"
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
