"""Answers by themselves: conversations as OpenAI trains on them, and UltraFeedback's rated answers to one instruction.

Nobody chose among them; ratings stay what they are, absolute.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.files.conversations import joined, messages_of, text_of
from app.files.csv_rows import Cells
from app.files.shapes.pairs import question_cells
from app.files.shapes.usual import Shape, said
from rlhb_core.errors import BadRecord

NO_RATING = ("N/A", "")


def _chat_rows(record: Mapping[str, Any]) -> Iterator[Cells]:
    messages = joined(messages_of(record["messages"]))
    if not messages or messages[-1].role != "assistant":
        raise BadRecord("messages: do not end with an answer")
    row = question_cells(messages[:-1]) | {"text 1": messages[-1].content}
    if model := said(record, "model"):
        row["model 1"] = model
    yield row


def _is_chat(record: Mapping[str, Any]) -> bool:
    told = record.get("messages")
    return isinstance(told, list) and bool(told) and all(isinstance(each, dict) for each in told)


CHAT = Shape("conversations as OpenAI trains on them", "conversations", _is_chat, _chat_rows)


def _is_ultrafeedback(record: Mapping[str, Any]) -> bool:
    return "instruction" in record and isinstance(record.get("completions"), list)


def _ultrafeedback_rows(record: Mapping[str, Any]) -> Iterator[Cells]:
    question = said(record, "instruction")
    if not question:
        raise BadRecord("instruction: is empty")
    row: Cells = {"query": question}
    for number, told in enumerate(record["completions"] or (), start=1):
        if not isinstance(told, Mapping):
            raise BadRecord(f"completions.{number - 1}: is no object")
        row[f"text {number}"] = text_of(told)
        row[f"model {number}"] = said(told, "model")
        if comment := said(told, "critique"):
            row[f"comment {number}"] = comment
        annotations = told.get("annotations")
        for aspect, each in annotations.items() if isinstance(annotations, Mapping) else ():
            rating = said(each, "Rating") if isinstance(each, Mapping) else ""
            if rating.strip() not in NO_RATING:
                row[f"rating {number} of {aspect}"] = rating
    yield row


ULTRAFEEDBACK = Shape(
    "ratings as UltraFeedback has them", "ultrafeedback", _is_ultrafeedback, _ultrafeedback_rows
)
