"""Preferences as pairs: a chosen and a rejected answer to one question, however the question and they are written.

`prompt`, `chosen`, `rejected` as texts or as messages; `chosen` and `rejected` as whole conversations, as lists of
messages or as transcripts (HH-RLHF: turns that begin with "Human:" and "Assistant:"); and OpenAI's `input`,
`preferred_output`, `non_preferred_output`. Which answer stood where is not known.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.files.conversations import joined, messages_of, parted
from app.files.csv_rows import Cells
from app.files.shapes.usual import Shape, before, said
from rlhb_core.errors import BadRecord
from rlhb_core.schema.history import Message

ASKED = ("prompt", "question", "instruction", "query", "input")
_SPEAKER = re.compile(r"(?:^|\n\n)(Human|Assistant):", re.DOTALL)
_ROLES = {"Human": "user", "Assistant": "assistant"}


def question_cells(messages: Sequence[Message]) -> Cells:
    """The question at the end of what was said, and what went before it. Raises BadRecord."""
    messages = joined(list(messages))
    if messages and messages[-1].role == "assistant":
        raise BadRecord("has a prompt that ends with an answer")
    question, went_before = parted(messages)
    return {"query": question} | ({"history": before(went_before)} if went_before else {})


def transcript(text: str) -> list[Message]:
    """The messages of a transcript; empty for a text that is none."""
    first, *parts = _SPEAKER.split(text)
    if first.strip() or not parts:
        return []
    told = zip(parts[::2], parts[1::2], strict=True)
    return messages_of([{"role": _ROLES[who], "content": words.strip()} for who, words in told])


def _messages(value: Any, name: str) -> list[Message]:
    """Of a list or a transcript; empty for a text that is neither. Raises BadRecord, which names the field."""
    try:
        if isinstance(value, str):
            return transcript(value)
        return messages_of([value] if isinstance(value, dict) else value)
    except BadRecord as error:
        raise BadRecord(f"{name}: {error}") from None


def _question(record: Mapping[str, Any]) -> list[Message]:
    """What was asked, if it stands by itself."""
    value, name = next(((record[each], each) for each in ASKED if record.get(each)), (None, ""))
    if value is None:
        return []
    found = _messages(value, name)
    if not found:
        return [Message(role="user", content=str(value))]
    while found and found[-1].role == "assistant" and not found[-1].content:
        found.pop()  # a transcript that ends where the answer begins
    return found


def _answer(record: Mapping[str, Any], name: str) -> tuple[list[Message], str]:
    """(what was said before it, if that stands with it; the answer). Raises BadRecord."""
    value = record.get(name)
    if not value or (isinstance(value, str) and not value.strip()):
        raise BadRecord(f"{name}: is empty")
    found = _messages(value, name)
    if not found:
        return [], str(value)
    if found[-1].role != "assistant" or not found[-1].content.strip():
        raise BadRecord(f"{name}: does not end with an answer")
    return joined(found[:-1]), found[-1].content


def _rows(record: Mapping[str, Any]) -> Iterator[Cells]:
    asked = _question(record)
    (before_one, one), (before_other, other) = (
        _answer(record, "chosen"), _answer(record, "rejected")
    )  # fmt: skip
    if one.strip() == other.strip():
        raise BadRecord("chosen and rejected are the same")
    if before_one != before_other:
        raise BadRecord("chosen and rejected do not answer the same question")
    if before_one and (not asked or before_one[-1:] == joined(asked)[-1:]):
        asked = max(before_one, asked, key=len)  # with all that went before
    elif before_one:
        raise BadRecord("chosen and rejected do not answer the prompt")
    if not asked:
        raise BadRecord(f"has no question; its field is called one of {', '.join(ASKED)}")
    row = question_cells(asked) | {"text 1": one, "text 2": other, "choice": "1"}
    for number, name in enumerate(("chosen", "rejected"), start=1):
        if model := said(record, f"{name}_model", f"{name}-model"):
            row[f"model {number}"] = model
    strength = record.get("strength")
    if strength in (1, 2, 3):
        row["strength"] = str(strength)
    if key := said(record, "prompt_id", "id"):
        row["id"] = f"{key}|{one}|{other}"
    yield row


PAIRS = Shape(
    "pairs of a chosen and a rejected answer", "pairs",
    lambda record: {"chosen", "rejected"} <= record.keys(), _rows, as_shown=False,
)  # fmt: skip


def _openai_rows(record: Mapping[str, Any]) -> Iterator[Cells]:
    given = record["input"]
    if not isinstance(given, Mapping):
        raise BadRecord("input: is no object with messages")
    told = {
        "prompt": given.get("messages"),
        "chosen": record["preferred_output"],
        "rejected": record["non_preferred_output"],
    }
    for name, theirs in (("chosen", "preferred_output"), ("rejected", "non_preferred_output")):
        if not told[name]:
            raise BadRecord(f"{theirs}: is empty")
    yield from _rows(told)


OPENAI_PAIRS = Shape(
    "preferences as OpenAI trains on them", "pairs",
    lambda record: {"input", "preferred_output", "non_preferred_output"} <= record.keys(),
    _openai_rows, as_shown=False,
)  # fmt: skip
