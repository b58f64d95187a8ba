"""Rows by a mapping: each row as one query with its answers and what was done with them.

One row is one query with one or more answers side by side; ratings become `rate` signals, places `rank`, preferences
`vote`, labels `like` and `dislike`, corrections `edit` and comments `critique` signals; reading times and depths, which
may lie in a second file with one row per answer, `dwell` and `scroll` signals. Knows no database; what the columns mean
is told by `mapping.py`, how rows are read by `csv_rows.py` and `json_rows.py`.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from pydantic import ValidationError

from app.files.conversations import history_of
from app.files.csv_rows import Cells, JoinedRows, plain
from app.files.mapping import AnswerColumns, Mapping
from app.files.times import to_ms
from app.store import storable
from app.store.imports import Answer, Item
from rlhb_core.errors import BadRecord
from rlhb_core.schema.history import Message, turns_of
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.record import describe
from rlhb_core.schema.records import Outcome, Person, Query, Response, Source
from rlhb_core.schema.signals import Signal, SignalKind, check_signal

MOST_VALUES = 10
"""Different unknown values of a column that are named; further ones are only counted."""
TRUE = frozenset({"1", "true", "yes", "y"})
FALSE = frozenset({"", "0", "false", "no", "n"})


class Unknown:
    """Values that a mapping gives no meaning, by the columns in which they stand: taken, but not in silence."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Counter[str]] = {}

    def note(self, column: str, role: str, value: str) -> None:
        """One row has this value there."""
        values = self._found.setdefault((column, role), Counter())
        shown = value if len(value) <= 40 else f"{value[:39]}…"
        values[shown if shown in values or len(values) < 1_000 else "…"] += 1

    def sentences(self) -> list[str]:
        """What was found, a sentence per column."""
        told = []
        for (column, role), values in self._found.items():
            count = values.total()
            named = ", ".join(f"{value!r} ({n})" for value, n in values.most_common(MOST_VALUES))
            more = f" and {len(values) - MOST_VALUES} more" if len(values) > MOST_VALUES else ""
            rows = "1 row has" if count == 1 else f"{count:,} rows have"
            told.append(
                f"{rows} a {role} value in {column} that the mapping does not know: {named}{more}"
            )
        return told


def items_of(
    rows: Iterable[tuple[int, Cells | str]],
    mapping: Mapping,
    joined: JoinedRows,
    namespace: UUID,
    unknown: Unknown,
) -> Iterator[tuple[int, Item | str]]:
    """(number of the row's first line, what it says or why it cannot be taken) for every row."""
    made = _Items(mapping, joined, namespace, unknown)
    for number, row in rows:
        if isinstance(row, str):
            yield number, row
            continue
        try:
            yield number, made.item(row)
        except ValidationError as error:
            yield number, describe(error)
        except BadRecord as error:
            yield number, str(error)


class _Items:
    """Turns rows into items by one mapping."""

    def __init__(
        self, mapping: Mapping, joined: JoinedRows, namespace: UUID, unknown: Unknown
    ) -> None:
        self.mapping = mapping
        self.joined = joined
        self.unknown = unknown
        self.namespace = uuid5(namespace, f"log|{mapping.name}")
        self.versions = namespace

    def item(self, row: Cells) -> Item:
        """The row as an item. Raises BadRecord or ValidationError if it makes no sense."""
        mapping = self.mapping
        key = plain(row[mapping.query_id]) if mapping.query_id else "|".join(row.values())
        if not key:
            raise BadRecord(f"{mapping.query_id}: is empty")
        asked_ms = self._asked(row)
        history = self._history(row)
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
            turn=turns_of(history) + 1,
            history=history,
        )
        answers: dict[int, Answer] = {}
        signals: list[Signal] = []
        excluded = self._is_excluded(mapping.excluded, row)
        for number, columns in enumerate(mapping.answers, start=1):
            answer = self._answer(row, columns, query, number)
            if answer is None:
                continue
            answers[number] = answer
            beside = self.joined.get((key, str(number)), {})
            signals += self._reading(row, columns, beside, query, answer)
            signals += self._said(row, columns, query, answer)
            if mapping.joined and mapping.joined.excluded and beside:
                excluded |= self._is_excluded(mapping.joined.excluded, beside)
        if not answers:
            raise BadRecord("has no answer")
        signals += self._outcome(row, query, answers)
        return Item(person, query, list(answers.values()), signals, excluded)

    def _history(self, row: Cells) -> list[Message]:
        column = self.mapping.history
        found = history_of(row[column], column) if column else []
        return [each.model_copy(update={"content": storable(each.content)}) for each in found]

    def _asked(self, row: Cells) -> int:
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
        return to_ms(moment, column)

    def _is_excluded(self, column: str | None, row: Cells) -> bool:
        value = plain(row[column]) if column else ""
        if column and value.lower() not in TRUE | FALSE:
            self.unknown.note(column, "exclusion", value)
        return value.lower() in TRUE

    def _answer(
        self, row: Cells, columns: AnswerColumns, query: Query, number: int
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
        row: Cells,
        columns: AnswerColumns,
        beside: Cells,
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
        for aspect, column in (("", columns.rating), *columns.ratings.items()):
            cell = row[column] if column else ""
            rating = None if cell.strip() in self.mapping.no_rating else _number(str(column), cell)
            if rating is not None:
                worst, best = self.mapping.rating_range
                told: dict[str, Any] = {"value": 1 + 4 * (rating - worst) / (best - worst)}
                told |= {"aspect": aspect} if aspect else {}
                yield self._signal(SignalKind.RATE, query, answer, told, dwell_ms, aspect)

    def _said(
        self, row: Cells, columns: AnswerColumns, query: Query, answer: Answer
    ) -> Iterator[Signal]:
        label = plain(row[columns.label]).lower() if columns.label else ""
        if label in TRUE:
            yield self._signal(SignalKind.LIKE, query, answer, {}, 0)
        elif label in FALSE - {""}:
            yield self._signal(SignalKind.DISLIKE, query, answer, {}, 0)
        elif label and columns.label:
            self.unknown.note(columns.label, "label", label)
        for kind, column in (
            (SignalKind.EDIT, columns.edited),
            (SignalKind.CRITIQUE, columns.comment),
        ):
            text = storable(row[column]) if column else ""
            if text.strip():
                yield self._signal(kind, query, answer, {"text": text}, 0)

    def _outcome(self, row: Cells, query: Query, answers: dict[int, Answer]) -> Iterator[Signal]:
        """The ranking if there is one, else the vote."""
        places: dict[float, list[str]] = {}
        for number, answer in answers.items():
            column = self.mapping.answers[number - 1].place
            place = _number(column, row[column]) if column else None
            if place is not None:
                places.setdefault(place, []).append(str(answer.id))
        if sum(map(len, places.values())) > 1:
            order = [places[each] for each in sorted(places)]
            yield self._signal(SignalKind.RANK, query, None, {"order": order}, 0)
        else:
            yield from self._vote(row, query, answers)

    def _vote(self, row: Cells, query: Query, answers: dict[int, Answer]) -> Iterator[Signal]:
        column = self.mapping.preference
        if column is None or len(answers) < 2:
            return
        value = plain(row[column])
        choice = self.mapping.choices.get(value)
        if choice is None:
            if value and value not in self.mapping.no_preference:
                self.unknown.note(column, "preference", value)
            return
        payload: dict[str, Any] = {"choice": choice}
        if isinstance(choice, int):
            if choice not in answers:
                raise BadRecord(f"{column}: chooses answer {choice}, which is not there")
            payload = {"choice": VoteChoice.BEST.value, "best": str(answers[choice].id)}
            told = plain(row[self.mapping.strength or column])
            if strength := self.mapping.strengths.get(told):
                payload["strength"] = strength
        yield self._signal(SignalKind.VOTE, query, None, payload, 0)

    def _signal(
        self,
        kind: SignalKind,
        query: Query,
        answer: Answer | None,
        payload: dict[str, Any],
        after_ms: int,
        aspect: str = "",
    ) -> Signal:
        """A signal that stands for a column, checked as if it had come from a browser."""
        about = None if answer is None else answer.id
        signal = Signal(
            id=uuid5(self.namespace, f"signal|{kind}|{query.id}|{about}{aspect and f'|{aspect}'}"),
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
