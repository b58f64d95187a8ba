"""Battles as Chatbot Arena has them: two models, who won, and with luck what was asked and answered.

Where a question and answers are there they come in as any comparison does. Where they are not, only the vote between
the two versions does: such an answer has no text, rather than an empty one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.files.conversations import joined, listed, messages_of, parted
from app.files.csv_rows import Cells
from app.files.shapes.usual import Shape, before, said
from rlhb_core.errors import BadRecord

WINNERS = {
    "model_a": "1",
    "model_b": "2",
    "tie": "tie",
    "tie (bothbad)": "all_bad",
    "bothbad": "all_bad",
}
SIDES = ("a", "b")


def _is_battle(record: Mapping[str, Any]) -> bool:
    return {"model_a", "model_b", "winner"} <= record.keys()


def _row(record: Mapping[str, Any]) -> Iterator[Cells]:
    winner = said(record, "winner").strip().lower()
    if winner not in WINNERS:
        raise BadRecord(f"winner: {winner[:40]!r} is none of {', '.join(WINNERS)}")
    row: Cells = {"choice": WINNERS[winner]}
    for number, side in enumerate(SIDES, start=1):
        row[f"model {number}"] = said(record, f"model_{side}").strip()
        if not row[f"model {number}"]:
            raise BadRecord(f"model_{side}: is empty")
    for name, cell in (
        ("person", said(record, "judge")),
        ("time", said(record, "tstamp")),
        ("turn", said(record, "turn")),
        ("id", said(record, "question_id", "battle_id")),
    ):
        if cell.strip():
            row[name] = cell.strip()
    if "id" in row:  # of one question there are battles of many
        row["id"] = "|".join(row.values())
    yield row | _texts(record)


def _texts(record: Mapping[str, Any]) -> Cells:
    """The question and the answers, if they are told."""
    if record.get("conversation_a") and record.get("conversation_b"):
        return _conversations(record)
    question, texts = said(record, "prompt"), [said(record, f"response_{side}") for side in SIDES]
    if not question.strip() or not any(text.strip() for text in texts):
        return {}
    return {"query": question} | {f"text {n}": text for n, text in enumerate(texts, start=1)}


def _conversations(record: Mapping[str, Any]) -> Cells:
    found: Cells = {}
    threads = []
    for number, side in enumerate(SIDES, start=1):
        told = record[f"conversation_{side}"]
        try:
            messages = joined(messages_of(listed(told) if isinstance(told, str) else told))
        except BadRecord as error:
            raise BadRecord(f"conversation_{side}: {error}") from None
        question, went_before = parted(messages)
        if found.setdefault("query", question) != question:
            raise BadRecord("its two conversations do not end with the same question")
        is_answered = messages[-1].role == "assistant"
        found[f"text {number}"] = messages[-1].content if is_answered else ""
        threads.append(before(went_before))
    if threads[0] == threads[1]:
        return found | {"history": threads[0]}
    return found | {f"history {number}": thread for number, thread in enumerate(threads, start=1)}


BATTLES = Shape("battles of Chatbot Arena", "battles", _is_battle, _row)
