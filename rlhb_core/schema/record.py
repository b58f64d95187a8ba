"""What all records have in common: how they are checked, told, and read from and written to JSONL.

Times are integers in milliseconds since 1970 (UTC) inside the store and ISO 8601 in exports.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Strict, ValidationError

from rlhb_core.errors import BadRecord

MAX_TEXT = 20_000
"""Longest query, edited answer or comment, in characters."""


def now_ms() -> int:
    """The present, in milliseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000_000


Whole = Annotated[int, Strict()]
"""A whole number as JSON knows it: neither true nor "3"; likewise the next two."""
Real = Annotated[float, Strict()]
Truth = Annotated[bool, Strict()]


class Record(BaseModel):
    """Base of all records: unknown fields are refused, NaN and infinity are never numbers here."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,  # people's words are in no log
    )


AnyRecord = TypeVar("AnyRecord", bound=Record)


def describe(error: ValidationError, name: Callable[[str], str] = str) -> str:
    """A validation error as one sentence a person can act on; never repeats the input's values.

    `name` gives a field the name that the person knows it by.
    """
    parts = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:5]:
        place = name(".".join(str(part) for part in item["loc"])) if item["loc"] else ""
        message = item["msg"].removeprefix("Value error, ")
        message = message[0].lower() + message[1:]
        parts.append(f"{place}: {message}" if place else message)
    return "; ".join(parts)


def write_jsonl(path: Path, records: Iterable[Record]) -> int:
    """Write one record per line; returns their number."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(record.model_dump_json())
            file.write("\n")
            count += 1
    return count


def read_jsonl(path: Path, kind: type[AnyRecord]) -> Iterator[AnyRecord]:
    """The records of a file. Raises BadRecord naming the first bad line by its number."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield kind.model_validate_json(line)
            except ValidationError as error:
                raise BadRecord(f"{path.name}, line {number}: {describe(error)}") from None
