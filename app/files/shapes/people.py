"""What labelling tools have in common: fields called as one likes, and several people who said something of a record.

The question and the answers are found by usual names. Knows no tool.
"""

import re
from collections.abc import Mapping
from typing import Any

from app.files.conversations import messages_of
from app.files.csv_rows import Cells
from app.files.shapes.pairs import question_cells
from app.files.shapes.usual import MOST_ANSWERS, said
from rlhb_core.errors import BadRecord

ASKED = ("prompt", "question", "instruction", "query", "input", "chat", "messages", "conversation")
_ANSWER = re.compile(
    r"(?:answer|response|completion|output|generation|reply|candidate|text)[ _-]?([0-9]{1,2}|[a-p])",
    re.IGNORECASE,
)
ONE = ("response", "answer", "completion", "output", "generation", "reply", "text")
_MODEL = re.compile(r"(?:model|generator)[ _-]?([0-9]{1,2}|[a-p])", re.IGNORECASE)


def fields_of(record: Mapping[str, Any]) -> tuple[Cells, dict[str, int]]:
    """(the cells of the question and the answers, the number of each answer by the name of its field).

    Raises BadRecord if there is no question or no answer.
    """
    cells = _asked(record)
    named = {name: each[1] for name in record if (each := _ANSWER.fullmatch(name))}
    one = next((name for name in ONE if said(record, name)), None)
    numbered = sorted(named, key=lambda name: _place(named[name])) or ([one] if one else [])
    there = [name for name in numbered if said(record, name)]
    if not there:
        raise BadRecord("has no answer; its fields are called response1, response2, or answer ...")
    if len(there) > MOST_ANSWERS:
        raise BadRecord(f"has more than {MOST_ANSWERS} answers")
    numbers = {name: number for number, name in enumerate(there, start=1)}
    for name, number in numbers.items():
        cells[f"text {number}"] = said(record, name)
    models = {each[1]: said(record, name) for name in record if (each := _MODEL.fullmatch(name))}
    for name, number in numbers.items():
        if model := models.get(named.get(name, "")):
            cells[f"model {number}"] = model
    return cells, numbers


def _asked(record: Mapping[str, Any]) -> Cells:
    for name in ASKED:
        if isinstance(record.get(name), list):
            return question_cells(messages_of(record[name]))
        if question := said(record, name):
            return {"query": question}
    raise BadRecord(f"has no question; its field is called one of {', '.join(ASKED)}")


def _place(told: str) -> int:
    return int(told) if told.isdecimal() else ord(told.lower()) - ord("a")


def rating_cell(number: int, question: str) -> str:
    """The name of the cell of a rating of an answer, by the question that was asked of it."""
    plain = question.lower() in ("rating", "score", "overall", "quality", "stars")
    return f"rating {number}" if plain else f"rating {number} of {question[:40]}"


def rated(question: str, numbers: Mapping[str, int]) -> int | None:
    """The answer that a question is about: the only one, or the one whose name it ends with."""
    if len(numbers) == 1:
        return 1
    found = [n for name, n in numbers.items() if question.lower().endswith(name.lower())]
    return found[0] if len(found) == 1 else None
