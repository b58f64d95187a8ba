"""What the cells of one answer say was done with it: ratings, reading, marks, copies, events; as kinds and payloads.

Knows no ids and no times: what becomes a signal of them is `csv_items.py`.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from app.files.conversations import listed
from app.files.csv_rows import Cells, plain
from app.files.mapping import AnswerColumns, EventKind, Mapping
from app.files.unknown import Unknown
from app.store import storable
from rlhb_core.errors import BadRecord
from rlhb_core.schema.signals import SignalKind

TRUE = frozenset({"1", "true", "yes", "y"})
FALSE = frozenset({"", "0", "false", "no", "n"})

WORDS = ("copied", "selected", "text", "content", "words")
"""Names under which an event has the words that it is about, in this order."""
TYPES = ("type", "kind", "event", "name")
"""Names under which it says what it is."""


class Act(NamedTuple):
    """Something that was done with an answer."""

    kind: SignalKind
    payload: dict[str, Any]
    after_ms: int = 0
    which: str = ""
    """Tells it from others of its kind on the same answer: an aspect, or its place among events."""


def number_in(column: str, value: str) -> float | None:
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


def acts_of(
    row: Cells, columns: AnswerColumns, text: str, beside: Cells, mapping: Mapping, unknown: Unknown
) -> Iterator[Act]:
    """All that the row, and that of the joined file `beside` it, say of an answer with that text. Raises BadRecord."""
    yield from _reading(row, columns, text, beside, mapping)
    yield from _said(row, columns, unknown)
    yield from _done(row, columns, text, unknown)
    if columns.events and row[columns.events].strip():
        yield from _events(row[columns.events], columns.events, text, mapping, unknown)


def _reading(
    row: Cells, columns: AnswerColumns, text: str, beside: Cells, mapping: Mapping
) -> Iterator[Act]:
    def number(name: str) -> float | None:
        own, joined = getattr(columns, name), getattr(mapping.joined, name, None)
        if own:
            return number_in(own, row[own])
        return number_in(joined, beside[joined]) if joined and beside else None

    dwell, depth, chars = number("dwell_ms"), number("read_depth"), number("read_chars")
    if depth is None and chars is not None and text:
        depth = min(chars / len(text), 1.0)
    dwell_ms = round(dwell) if dwell is not None else 0
    if dwell is not None:
        yield Act(SignalKind.DWELL, {"ms": dwell_ms}, dwell_ms)
    if depth is not None:
        yield Act(SignalKind.SCROLL, {"depth": depth}, dwell_ms)
    for aspect, column in (("", columns.rating), *columns.ratings.items()):
        cell = row[column] if column else ""
        rating = None if cell.strip() in mapping.no_rating else number_in(str(column), cell)
        if rating is not None:
            worst, best = mapping.rating_range
            told: dict[str, Any] = {"value": 1 + 4 * (rating - worst) / (best - worst)}
            told |= {"aspect": aspect} if aspect else {}
            yield Act(SignalKind.RATE, told, dwell_ms, aspect)


def _said(row: Cells, columns: AnswerColumns, unknown: Unknown) -> Iterator[Act]:
    label = plain(row[columns.label]).lower() if columns.label else ""
    if label in TRUE:
        yield Act(SignalKind.LIKE, {})
    elif label in FALSE - {""}:
        yield Act(SignalKind.DISLIKE, {})
    elif label and columns.label:
        unknown.note(columns.label, "label", label)
    for kind, column in ((SignalKind.EDIT, columns.edited), (SignalKind.CRITIQUE, columns.comment)):
        words = storable(row[column]) if column else ""
        if words.strip():
            yield Act(kind, {"text": words})


def _done(row: Cells, columns: AnswerColumns, text: str, unknown: Unknown) -> Iterator[Act]:
    for kind, column in ((SignalKind.COPY, columns.copied), (SignalKind.SELECT, columns.selected)):
        for place, chars in enumerate(_amounts(row[column], text) if column else ()):
            yield Act(kind, {"chars": chars}, which=str(place or ""))
    for kind, column, payload in (
        (SignalKind.COPY, columns.accepted, {"chars": len(text)}),
        (SignalKind.SHARE, columns.shared, {}),
        (SignalKind.REGENERATE, columns.regenerated, {}),
    ):
        told = plain(row[column]).lower() if column else ""
        if told in TRUE:
            yield Act(kind, payload, which="accepted" if column == columns.accepted else "")
        elif told not in FALSE:
            unknown.note(str(column), kind, told)
    why = plain(row[columns.flagged]) if columns.flagged else ""
    if why.lower() not in FALSE:
        reason = "" if why.lower() in TRUE else storable(why)[:200]
        yield Act(SignalKind.FLAG, {"reason": reason})


def _amounts(cell: str, text: str) -> list[int]:
    """How many characters each time: of a number, the words themselves, true, or a list of these or of events."""
    told = cell.strip()
    if told.lower() in ("", "0", "false", "no", "n", "[]"):
        return []
    if told.lower() in ("true", "yes", "y"):
        return [len(text)]
    if told.startswith("["):
        try:
            return [_chars(each, text) for each in listed(told)]
        except BadRecord:  # words that begin with a bracket
            return [len(cell)]
    return [int(plain(told))] if plain(told).isdecimal() else [len(cell)]


def _chars(told: Any, text: str) -> int:
    if isinstance(told, bool):
        return len(text) if told else 0
    if isinstance(told, int):
        return told
    if isinstance(told, dict):
        count = told.get("chars", told.get("length"))
        told = count if isinstance(count, int) else _words(told)
        return told if isinstance(told, int) else len(told or text)
    return len(told) if isinstance(told, str) else len(text)


def _words(event: dict[str, Any]) -> str:
    return next((event[name] for name in WORDS if isinstance(event.get(name), str)), "")


def _events(cell: str, column: str, text: str, mapping: Mapping, unknown: Unknown) -> Iterator[Act]:
    try:
        found = listed(cell)
    except BadRecord as error:
        raise BadRecord(f"{column}: {error}") from None
    for place, event in enumerate(found):
        if not isinstance(event, dict):
            raise BadRecord(f"{column}: an event is an object with its type")
        told = next((str(event[name]) for name in TYPES if name in event), "")
        kind = mapping.event_kinds.get(told)
        if kind is None:
            unknown.note(column, "event", told)
            continue
        yield _event(kind, event, text, column)._replace(which=f"event {place}")


def _event(kind: EventKind, event: dict[str, Any], text: str, column: str) -> Act:
    def number(*names: str) -> float:
        value = next((event[name] for name in names if name in event), None)
        found = number_in(f"{column}: {kind}", json.dumps(value) if value is not None else "")
        if found is None:
            raise BadRecord(f"{column}: {kind}: has no {names[0]}")
        return found

    match kind:
        case "copy" | "select":
            return Act(SignalKind(kind), {"chars": _chars(event, text)})
        case "accept":
            return Act(SignalKind.COPY, {"chars": len(text)})
        case "edit" | "critique":
            return Act(SignalKind(kind), {"text": storable(_words(event))})
        case "dwell":
            spent = round(number("ms", "duration_ms", "dwell_ms"))
            return Act(SignalKind.DWELL, {"ms": spent}, spent)
        case "scroll":
            return Act(SignalKind.SCROLL, {"depth": number("depth")})
        case "flag":
            return Act(SignalKind.FLAG, {"reason": storable(str(event.get("reason", "")))[:200]})
    return Act(SignalKind(kind), {})
