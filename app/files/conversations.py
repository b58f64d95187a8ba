"""Conversations as files write them: lists of messages, as JSON, or in a cell as JSON or as Python writes a list.

What is usual is read by its name (`ROLES`, `TEXT`). Knows no store, nor what the rest of a line means.
"""

import ast
import json
from collections.abc import Mapping
from typing import Any, Literal

from rlhb_core.errors import BadRecord
from rlhb_core.schema.history import Message, in_turns

TEXT = ("text", "content", "response", "answer", "output", "completion")
"""Names under which the text of a message or an answer is looked for."""
ROLES: Mapping[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
}
MAX_TURN = 200_000
"""Most characters of a message or an answer."""


def history_of(cell: str, column: str) -> list[Message]:
    """What went before a question, from a cell; an empty one: nothing did. Raises BadRecord, which names the column."""
    if not cell.strip():
        return []
    try:
        return _in_turns(messages_of(listed(cell)))
    except BadRecord as error:
        raise BadRecord(f"{column}: {error}") from None


def asked_in(cell: str, column: str) -> tuple[str, list[Message]]:
    """The question at the end of a conversation, from a cell, and what went before it. Messages of one speaker that
    follow each other are one. Raises BadRecord, which names the column.
    """
    try:
        return parted(joined(messages_of(listed(cell))))
    except BadRecord as error:
        raise BadRecord(f"{column}: {error}") from None


def joined(messages: list[Message]) -> list[Message]:
    """The messages, those of one speaker that follow each other as one: a question that was sent in two parts."""
    found: list[Message] = []
    for each in messages:
        if found and found[-1].role == each.role:
            found[-1] = Message(role=each.role, content=f"{found[-1].content}\n\n{each.content}")
        else:
            found.append(each)
    return found


def listed(cell: str) -> Any:
    """The list that a cell holds, as JSON or as Python writes it. Raises BadRecord."""
    try:
        found = json.loads(cell)
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise BadRecord("holds text that is no Unicode") from None
    except (ValueError, RecursionError):
        found = _literal(cell)
    if not isinstance(found, list):
        raise BadRecord("is no list, neither as JSON nor as Python writes one")
    return found


def _literal(cell: str) -> Any:
    """What Python would read, of names and calls nothing."""
    try:
        found = ast.literal_eval(cell.strip())
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return found


def messages_of(told: Any) -> list[Message]:
    """The messages of a list that a file holds. Raises BadRecord."""
    if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
        raise BadRecord("its turns are no list of messages, each with its role and content")
    return [
        Message(role=_role(each.get("role", each.get("from"))), content=_checked(text_of(each)))
        for each in told
    ]


def parted(turns: list[Message]) -> tuple[str, list[Message]]:
    """The last question of a conversation and what went before it, without an answer behind it. Raises BadRecord."""
    if not turns:
        raise BadRecord("is a conversation in which nothing was said")
    if turns[-1].role == "assistant":
        turns = turns[:-1]
    if not turns or turns[-1].role != "user":
        raise BadRecord("has a conversation without a question at its end")
    return turns[-1].content, _in_turns(turns[:-1])


def text_of(told: Mapping[str, Any]) -> str:
    """The text of a message or an answer. Raises BadRecord."""
    text = next((told[name] for name in (*TEXT, "value") if isinstance(told.get(name), str)), None)
    parts = told.get("content")
    if text is None and isinstance(
        parts, list
    ):  # as of models that see pictures; only text is text
        said = [each["text"] for each in parts if isinstance(each, dict) and _has_text(each)]
        text = "\n".join(said) if len(said) == len(parts) > 0 else None
    if text is None:
        raise BadRecord(
            f"has a turn or an answer without a text; its field is called one of {', '.join(TEXT)}"
        )
    return str(text)


def _has_text(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("text"), str)


def _in_turns(messages: list[Message]) -> list[Message]:
    try:
        return in_turns(messages)
    except ValueError as error:
        raise BadRecord(f"its turns do not follow each other: {error}") from None


def _role(told: Any) -> Literal["system", "user", "assistant"]:
    role = ROLES.get(str(told).lower())
    if role is None:
        raise BadRecord(f"has a turn of {str(told)[:20]!r}; roles are {', '.join(ROLES)}")
    return role


def _checked(text: str) -> str:
    if len(text) > MAX_TURN:
        raise BadRecord(f"a turn has at most {MAX_TURN:,} characters")
    return text
