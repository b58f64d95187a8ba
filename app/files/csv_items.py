"""Rows by a mapping: each row as one query with its answers and what was done with them.

One row is one query with one or more answers side by side, or, where no texts are known, a vote between versions.
Preferences become `vote` signals, places `rank`; what else was done with an answer is told by `acts.py`. Knows no
database; what the columns mean is told by `mapping.py`, how rows are read by `csv_rows.py` and `json_rows.py`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from pydantic import ValidationError

from app.files.acts import FALSE, TRUE, acts_of, number_in
from app.files.conversations import asked_in, history_of
from app.files.csv_rows import Cells, JoinedRows, plain
from app.files.mapping import AnswerColumns, Mapping
from app.files.times import read_time, to_ms
from app.files.unknown import Unknown
from app.store import storable
from app.store.imports import Answer, Item
from rlhb_core.errors import BadRecord
from rlhb_core.schema.history import Message, turns_of
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.record import describe
from rlhb_core.schema.records import Outcome, Person, Query, Response, Source
from rlhb_core.schema.signals import Signal, SignalKind, check_signal

UNTOLD = "(not told)"
"""Stands for the question of a vote between versions: no file told it, and nobody is shown it."""


def items_of(
    rows: Iterable[tuple[int, Cells | str]],
    meaning: Mapping | Callable[[Cells], Mapping],
    joined: JoinedRows,
    namespace: UUID,
    unknown: Unknown,
) -> Iterator[tuple[int, Item | str]]:
    """(number of the row's first line, what it says or why it cannot be taken) for every row.

    `meaning`: the mapping, or what tells it of each row.
    """
    makers: dict[int, _Items] = {}
    alike: Counter[str] = Counter()
    for number, row in rows:
        if isinstance(row, str):
            yield number, row
            continue
        try:
            mapping = meaning if isinstance(meaning, Mapping) else meaning(row)
            if id(mapping) not in makers:
                makers[id(mapping)] = _Items(mapping, joined, namespace, unknown, alike)
            yield number, makers[id(mapping)].item(row)
        except ValidationError as error:
            yield number, describe(error)
        except BadRecord as error:
            yield number, str(error)


class _Items:
    """Turns rows into items by one mapping."""

    def __init__(
        self,
        mapping: Mapping,
        joined: JoinedRows,
        namespace: UUID,
        unknown: Unknown,
        alike: Counter[str],
    ) -> None:
        self.mapping = mapping
        self.joined = joined
        self.unknown = unknown
        self.alike = alike
        self.namespace = uuid5(namespace, f"log|{mapping.name}")
        self.versions = namespace

    def item(self, row: Cells) -> Item:
        """The row as an item. Raises BadRecord or ValidationError if it makes no sense."""
        mapping = self.mapping
        key = self._key(row)
        asked_ms = self._asked(row)
        question, history = self._question(row)
        who = row[mapping.person].strip() if mapping.person else ""
        person = Person(
            id=uuid5(self.namespace, f"person|{who}"),
            display_name=storable(who or "not named")[:80],
            source=Source.IMPORTED,
        )
        query = Query(
            id=uuid5(self.namespace, f"query|{key}"),
            person_id=person.id,
            text=question,
            source=Source.IMPORTED,
            created_ms=asked_ms,
            turn=self._turn(row, history),
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
            for act in acts_of(row, columns, answer.text, beside, mapping, self.unknown):
                signals.append(
                    self._signal(act.kind, query, answer, act.payload, act.after_ms, act.which)
                )
            if mapping.joined and mapping.joined.excluded and beside:
                excluded |= self._is_excluded(mapping.joined.excluded, beside)
        if not answers:
            raise BadRecord("has no answer")
        signals += self._outcome(row, query, answers)
        if not mapping.is_told and not signals:
            raise BadRecord("tells neither a text nor a choice")
        return Item(person, query, list(answers.values()), signals, excluded)

    def _key(self, row: Cells) -> str:
        """What tells the row from others: its id, or all of it. Votes between versions of which nothing else is known
        are often alike, so that each further one counts, too.
        """
        mapping = self.mapping
        if mapping.query_id:
            key = plain(row[mapping.query_id])
            if not key:
                raise BadRecord(f"{mapping.query_id}: is empty")
            return key
        key = "|".join(row.values())
        if mapping.is_told:
            return key
        self.alike[key] += 1
        return f"{key}|{self.alike[key]}"

    def _question(self, row: Cells) -> tuple[str, list[Message]]:
        mapping = self.mapping
        if mapping.conversation:
            question, found = asked_in(row[mapping.conversation], mapping.conversation)
        elif mapping.query:
            column = mapping.history
            question = row[mapping.query]
            found = history_of(row[column], column) if column else []
        else:
            return UNTOLD, []
        history = [each.model_copy(update={"content": storable(each.content)}) for each in found]
        return storable(question.strip()), history

    def _turn(self, row: Cells, history: list[Message]) -> int:
        column = self.mapping.turn
        told = number_in(column, row[column]) if column else None
        if told is None:
            return turns_of(history) + 1
        if told != round(told) or not 1 <= told <= 10_000:
            raise BadRecord(f"{column}: not a number of turns")
        return round(told)

    def _asked(self, row: Cells) -> int:
        column, form = self.mapping.time, self.mapping.time_format
        text = "" if column is None else row[column].strip()
        if column is None or text in self.mapping.no_time:
            return 0
        if form is None:
            return read_time(text, column)
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - the format may say
        except ValueError:
            raise BadRecord(f"{column}: not a time of the format {form}") from None
        return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC), column)

    def _is_excluded(self, column: str | None, row: Cells) -> bool:
        value = plain(row[column]) if column else ""
        if column and value.lower() not in TRUE | FALSE:
            self.unknown.note(column, "exclusion", value)
        return value.lower() in TRUE

    def _answer(
        self, row: Cells, columns: AnswerColumns, query: Query, number: int
    ) -> Answer | None:
        text = storable(row[columns.text]) if columns.text else ""
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
        before = history_of(row[columns.history], columns.history) if columns.history else []
        told = Outcome.OK if text.strip() else Outcome.EMPTY
        return Answer(
            id=checked.id,
            version_id=checked.version_id,
            model=model,
            arm=None,
            text=text,
            outcome=told if self.mapping.is_told else Outcome.UNTOLD,
            position=checked.position if self.mapping.as_shown else None,
            draw_probability=None,
            condition=None,
            created_ms=query.created_ms,
            history=before or None,
        )

    def _outcome(self, row: Cells, query: Query, answers: dict[int, Answer]) -> Iterator[Signal]:
        """The ranking if there is one, else the vote."""
        places: dict[float, list[str]] = {}
        for number, answer in answers.items():
            column = self.mapping.answers[number - 1].place
            place = number_in(column, row[column]) if column else None
            if place is not None:
                places.setdefault(place, []).append(str(answer.id))
        if sum(map(len, places.values())) > 1:
            order = [places[each] for each in sorted(places)]
            yield self._signal(SignalKind.RANK, query, None, {"order": order})
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
        yield self._signal(SignalKind.VOTE, query, None, payload)

    def _signal(
        self,
        kind: SignalKind,
        query: Query,
        answer: Answer | None,
        payload: dict[str, Any],
        after_ms: int = 0,
        which: str = "",
    ) -> Signal:
        """A signal that stands for a column, checked as if it had come from a browser."""
        about = None if answer is None else answer.id
        signal = Signal(
            id=uuid5(self.namespace, f"signal|{kind}|{query.id}|{about}{which and f'|{which}'}"),
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
