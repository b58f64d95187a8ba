"""Usual rows: cells by names that say what they mean, so that the mapping follows from the names that are there.

`query`, `history`, `turn`, `person`, `time`, `choice` (1, 2 ..., tie, all_bad), `strength`; and with the number of an
answer behind it `text 1`, `model 1`, `history 1`, `rating 1`, `rating 1 of ASPECT`, `place 1`, `label 1`, `edited 1`,
`comment 1`. Knows no format that they are made from.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as Named
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.files.csv_rows import Cells
from app.files.mapping import AnswerColumns, Mapping
from rlhb_core.errors import BadRecord
from rlhb_core.schema.history import Message

MOST_ANSWERS = 16
_OF_ANSWER = re.compile(
    r"(text|model|history|rating|place|label|edited|comment) (\d+)(?: of (.+))?"
)
_CHOICES: dict[str, Any] = {
    **{str(number): number for number in range(1, MOST_ANSWERS + 1)}, "tie": "tie", "all_bad": "all_bad"
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A format that is known by itself."""

    name: str
    """In words, as it is told of a file."""
    log: str
    """Name of the log that its rows belong to; ids are made from it."""
    is_one: Callable[[Named[str, Any]], bool]
    """Whether a record is of it."""
    rows: Callable[[Named[str, Any]], Iterable[Cells]]
    """Its usual rows, one for each person who said something. Raises BadRecord."""
    as_shown: bool = True
    """Whether answers stand in the order in which they were shown."""

    def rows_of(
        self, records: Iterable[tuple[int, Named[str, Any] | str]]
    ) -> Iterator[tuple[int, Cells | str]]:
        """(number, usual row or what is wrong with it) of all records."""
        for number, record in records:
            if isinstance(record, str):
                yield number, record
                continue
            try:
                for row in self.rows(record):
                    yield number, row
            except BadRecord as error:
                yield number, str(error)
            except RecursionError:
                yield number, "nests too deep"

    def meaning(self, row: Cells) -> Mapping:
        """The mapping of one of its rows."""
        return usual(self.log, tuple(row), self.as_shown)


@lru_cache(maxsize=256)
def usual(log: str, names: tuple[str, ...], as_shown: bool = True) -> Mapping:
    """The mapping of rows with cells of these names."""
    answers: dict[int, dict[str, Any]] = {}
    for name in names:
        if found := _OF_ANSWER.fullmatch(name):
            told = answers.setdefault(int(found[2]), {})
            if found[3]:
                told.setdefault("ratings", {})[found[3]] = name
            else:
                told[found[1]] = name
    if not answers:
        raise BadRecord("has no answer")
    if max(answers) > MOST_ANSWERS:
        raise BadRecord(f"has more than {MOST_ANSWERS} answers")
    own: dict[str, Any] = {
        name: name
        for name in ("query", "history", "turn", "person", "time", "strength")
        if name in names
    }
    own |= {"query_id": "id"} if "id" in names else {}
    chosen: dict[str, Any] = (
        {"preference": "choice", "choices": _CHOICES} if "choice" in names else {}
    )
    if "strength" in names:
        chosen["strengths"] = {"1": 1, "2": 2, "3": 3}
    return Mapping(
        name=log,
        answers=[AnswerColumns(**answers[number]) for number in sorted(answers)],
        as_shown=as_shown,
        **own,
        **chosen,
    )


def said(record: Named[str, Any], *names: str) -> str:
    """The first of these fields that holds a text or a number, as text; empty if none does."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return ""


def before(history: Sequence[Message]) -> str:
    """What went before, as a cell."""
    return json.dumps([each.model_dump() for each in history]) if history else ""
