"""Long answers of the database, row by row or in blocks, with bounded memory whatever the size of a row.

Blocks end after so many characters of text, so that a block of short rows is as long as one of few large ones. SQLite
gives row by row. Postgres sends as many rows as it is asked for, whatever they weigh, so their sizes are asked for
first. Does not know what the rows are.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from app.store.engine import Connection

BLOCK_CHARS = 256_000
"""Characters of text after which a block ends."""

BLOCK_ROWS = 1_000
"""Most rows of a block."""

FEW = 4
"""Rows fetched at a time where their sizes are not known."""


class Stream:
    """The rows that a statement gives, read as they are needed."""

    def __init__(self, connection: Connection, statement: sa.Select[Any]) -> None:
        self._connection = connection
        self._statement = statement

    def __iter__(self) -> Iterator[Any]:
        """Row by row."""
        for block in self.partitions():
            yield from block

    def partitions(self) -> Iterator[Sequence[Any]]:
        """Blocks of rows."""
        if self._connection.dialect.name == "sqlite":
            return self._one_by_one()
        return self._as_planned()

    def _one_by_one(self) -> Iterator[Sequence[Any]]:
        result = self._connection.execute(self._statement)
        columns = self._statement.selected_columns
        weigh = _weigher([n for n, column in enumerate(columns) if _is_text(column)])
        block: list[Any] = []
        chars = 0
        while (row := result.fetchone()) is not None:
            block.append(row)
            chars += weigh(row)
            if chars >= BLOCK_CHARS or len(block) >= BLOCK_ROWS:
                yield block
                block, chars = [], 0
        if block:
            yield block

    def _as_planned(self) -> Iterator[Sequence[Any]]:
        plan = _plan(self._connection, self._statement)
        result = self._connection.execute(
            self._statement, execution_options={"stream_results": True, "yield_per": FEW}
        )
        while block := result.fetchmany(next(plan, FEW)):
            yield block


def joined(lines: Iterable[bytes]) -> Generator[bytes, None, None]:
    """Lines put together into blocks of some size, so that whoever sends them is not woken for each."""
    block: list[bytes] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size >= BLOCK_CHARS:
            yield b"".join(block)
            block, size = [], 0
    if block:
        yield b"".join(block)


def some(groups: Iterator[tuple[Any, list[Any]]], most: int) -> Iterator[tuple[Any, list[Any]]]:
    """The next groups of rows: at most so many, and no more than a block's worth of text."""
    chars = 0
    for key, rows in islice(groups, most):
        yield key, rows
        chars += sum(len(each) for row in rows for each in row if isinstance(each, str))
        if chars >= BLOCK_CHARS:
            return


def _is_text(column: sa.ColumnElement[Any]) -> bool:
    """Whether a column may hold something long; what a function returns has no type that says so."""
    return isinstance(column.type, sa.Text | sa.JSON | sa.types.NullType)


def _weigher(places: Sequence[int]) -> Callable[[Any], int]:
    """A function that tells how much text stands in these places of a row."""
    if len(places) < 2:
        return lambda row: sum(len(str(row[place] or "")) for place in places)
    pick = itemgetter(*places)
    return lambda row: sum(
        [len(each if isinstance(each, str) else str(each)) for each in pick(row) if each]
    )


def _plan(connection: Connection, statement: sa.Select[Any]) -> Iterator[int]:
    """How many rows to fetch each time, from what their texts weigh. The same rows, unless some came meanwhile."""
    rows = statement.subquery()
    texts = [sa.cast(column, sa.Text) for column in rows.c if _is_text(column)]
    weight = sum((sa.func.coalesce(sa.func.length(each), 0) for each in texts), sa.literal(0))
    sizes = connection.execute(
        sa.select(weight), execution_options={"stream_results": True, "yield_per": BLOCK_ROWS}
    ).scalars()
    count = chars = 0
    for size in sizes:
        if count and (chars + size > BLOCK_CHARS or count >= BLOCK_ROWS):
            yield count
            count = chars = 0
        count, chars = count + 1, chars + size
    if count:
        yield count
