"""CSV rows by a mapping: each row as one query with its answers and what was done with them.

One row is one query with one or more answers side by side; ratings become `rate` signals, preferences `vote` signals,
and reading times and depths, which may lie in a second file with one row per answer, `dwell` and `scroll` signals.
Knows no database; what the columns mean is told by `app.mapping`.
"""

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from pydantic import ValidationError

from app.mapping import AnswerColumns, Mapping, columns_of
from app.store.engine import storable
from app.store.imports import Answer, Item
from rlhb_core.behaviors import check_signal
from rlhb_core.errors import BadConfig, BadRecord
from rlhb_core.records import (
    Outcome,
    Person,
    Query,
    Response,
    Signal,
    SignalKind,
    Source,
    VoteChoice,
    describe,
)

csv.field_size_limit(16_000_000)

Rows = dict[tuple[str, str], dict[str, str]]
"""Rows of a joined file by (query, number of the answer)."""


def read_joined(mapping: Mapping, folder: Path) -> Rows:
    """The rows of the file that the mapping joins; empty if it joins none."""
    if mapping.joined is None:
        return {}
    path = folder / mapping.joined.file
    if not path.is_file() or path.resolve().parent != folder.resolve():  # `..`, or a link out
        raise BadConfig(f"the mapping joins {mapping.joined.file}, which is not beside the file")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=mapping.delimiter)
        _need(reader.fieldnames, columns_of(mapping.joined) - {mapping.joined.file}, path.name)
        query, answer = mapping.joined.query, mapping.joined.answer
        return {(_plain(row[query]), _plain(row[answer])): row for row in reader}


def csv_items(
    lines: Iterable[str], mapping: Mapping, joined: Rows, namespace: UUID
) -> Iterator[tuple[int, Item | str]]:
    """(number of the row's first line, what it says or why it cannot be taken) for every row."""
    reader = csv.DictReader(lines, delimiter=mapping.delimiter, restkey="", restval=None)
    named = columns_of(mapping).union(*(columns_of(answer) for answer in mapping.answers))
    _need(reader.fieldnames, named, "the file")
    rows = _Rows(mapping, joined, namespace)
    while True:
        number = reader.line_num + 1  # a quoted cell may hold line breaks
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, f"not readable as CSV: {error}"
            continue
        try:
            if "" in row or None in row.values():
                raise BadRecord("has another number of columns than the first line")
            yield number, rows.item(row)
        except ValidationError as error:
            yield number, describe(error)
        except BadRecord as error:
            yield number, str(error)


def _need(there: Iterable[str] | None, named: set[str], where: str) -> None:
    missing = sorted(named - set(there or ()))
    if missing:
        raise BadConfig(f"{where} has no column {', '.join(missing)}; look at the mapping")


class _Rows:
    """Turns rows into items by one mapping."""

    def __init__(self, mapping: Mapping, joined: Rows, namespace: UUID) -> None:
        self.mapping = mapping
        self.joined = joined
        self.namespace = uuid5(namespace, f"log|{mapping.name}")
        self.versions = namespace

    def item(self, row: dict[str, str]) -> Item:
        """The row as an item. Raises BadRecord or ValidationError if it makes no sense."""
        mapping = self.mapping
        key = _plain(row[mapping.query_id]) if mapping.query_id else "|".join(row.values())
        if not key:
            raise BadRecord(f"{mapping.query_id}: is empty")
        asked_ms = self._asked(row)
        who = row[mapping.person].strip() if mapping.person else ""
        person = Person(
            id=uuid5(self.namespace, f"person|{who}"),
            display_name=storable(who or "not named")[:80],
            source=Source.IMPORTED,
        )
        query = Query(
            id=uuid5(self.namespace, f"query|{key}"),
            person_id=person.id,
            text=storable(row[mapping.query].strip()),
            source=Source.IMPORTED,
            created_ms=asked_ms,
        )
        answers: dict[int, Answer] = {}
        signals: list[Signal] = []
        excluded = bool(mapping.excluded) and _truth(row[str(mapping.excluded)])
        for number, columns in enumerate(mapping.answers, start=1):
            answer = self._answer(row, columns, query, number)
            if answer is None:
                continue
            answers[number] = answer
            beside = self.joined.get((key, str(number)), {})
            signals += self._reading(row, columns, beside, query, answer)
            if mapping.joined and mapping.joined.excluded and beside:
                excluded = excluded or _truth(beside[mapping.joined.excluded])
        if not answers:
            raise BadRecord("has no answer")
        signals += self._vote(row, query, answers)
        return Item(person, query, list(answers.values()), signals, excluded)

    def _asked(self, row: dict[str, str]) -> int:
        column, form = self.mapping.time, self.mapping.time_format
        text = "" if column is None else row[column].strip()
        if column is None or text in self.mapping.no_time:
            return 0
        try:
            moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
        except ValueError:
            raise BadRecord(f"{column}: not a time of the format {form or 'ISO 8601'}") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(round(moment.timestamp() * 1000), 0)

    def _answer(
        self, row: dict[str, str], columns: AnswerColumns, query: Query, number: int
    ) -> Answer | None:
        text = storable(row[columns.text])
        model = storable(row[columns.model].strip()) if columns.model else ""
        if not text.strip() and not model:
            return None
        if len(model) > 80:
            raise BadRecord(f"{columns.model}: at most 80 characters")
        checked = Response(
            id=uuid5(self.namespace, f"answer|{query.id}|{number}"),
            query_id=query.id,
            version_id=uuid5(self.versions, f"version|None|{model}"),
            position=number - 1,
            draw_probability=1,
            text=text,
        )
        return Answer(
            id=checked.id,
            version_id=checked.version_id,
            model=model,
            arm=None,
            text=text,
            outcome=Outcome.OK if text.strip() else Outcome.EMPTY,
            position=checked.position,
            draw_probability=None,
            condition=None,
            created_ms=query.created_ms,
        )

    def _reading(
        self,
        row: dict[str, str],
        columns: AnswerColumns,
        beside: dict[str, str],
        query: Query,
        answer: Answer,
    ) -> Iterator[Signal]:
        def number(name: str) -> float | None:
            own, joined = getattr(columns, name), getattr(self.mapping.joined, name, None)
            if own:
                return _number(own, row[own])
            return _number(joined, beside[joined]) if joined and beside else None

        dwell, depth, chars = number("dwell_ms"), number("read_depth"), number("read_chars")
        if depth is None and chars is not None and answer.text:
            depth = min(chars / len(answer.text), 1.0)
        dwell_ms = round(dwell) if dwell is not None else 0
        if dwell is not None:
            yield self._signal(SignalKind.DWELL, query, answer, {"ms": dwell_ms}, dwell_ms)
        if depth is not None:
            yield self._signal(SignalKind.SCROLL, query, answer, {"depth": depth}, dwell_ms)
        rating = _number(columns.rating, row[columns.rating]) if columns.rating else None
        if rating is not None:
            worst, best = self.mapping.rating_range
            stretched = 1 + 4 * (rating - worst) / (best - worst)
            yield self._signal(SignalKind.RATE, query, answer, {"value": stretched}, dwell_ms)

    def _vote(
        self, row: dict[str, str], query: Query, answers: dict[int, Answer]
    ) -> Iterator[Signal]:
        column = self.mapping.preference
        if column is None or len(answers) < 2:
            return
        choice = self.mapping.choices.get(_plain(row[column]))
        if choice is None:
            return
        payload: dict[str, Any] = {"choice": choice}
        if isinstance(choice, int):
            if choice not in answers:
                raise BadRecord(f"{column}: chooses answer {choice}, which is not there")
            payload = {"choice": VoteChoice.BEST.value, "best": str(answers[choice].id)}
        yield self._signal(SignalKind.VOTE, query, None, payload, 0)

    def _signal(
        self,
        kind: SignalKind,
        query: Query,
        answer: Answer | None,
        payload: dict[str, Any],
        after_ms: int,
    ) -> Signal:
        """A signal that stands for a column, checked as if it had come from a browser."""
        about = None if answer is None else answer.id
        signal = Signal(
            id=uuid5(self.namespace, f"signal|{kind}|{query.id}|{about}"),
            kind=kind,
            query_id=query.id,
            response_id=about,
            at_ms=query.created_ms + after_ms,
            page_id=uuid5(self.namespace, f"page|{query.id}"),
            page_opened_ms=query.created_ms,
            payload=payload,
        )
        check_signal(signal, sent_ms=signal.at_ms)
        return signal


def _plain(value: str) -> str:
    """A key as text; what a spreadsheet made of whole numbers (1.0) is undone."""
    value = value.strip()
    head, dot, tail = value.partition(".")
    return head if dot and head.lstrip("-").isdigit() and set(tail) <= {"0"} else value


def _number(column: str, value: str) -> float | None:
    """A number, or None for an empty cell. Raises BadRecord for anything else."""
    if not value.strip():
        return None
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise BadRecord(f"{column}: not a number")
    return found


def _truth(value: str) -> bool:
    return _plain(value).lower() in {"1", "true", "yes", "y"}
