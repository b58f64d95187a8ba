"""What went before a question: the turns of its conversation, whole ones left out where there is no room for all.

A turn is a question with its answer. Training speaks of a question by one text, so that whatever tells questions apart
also tells apart what went before them: `packed` makes it, `unpacked` reads it. Knows no tokens, prompts or store.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from rlhb_core.schema.record import Record

MOST_TURNS = 100
"""Most turns that a question has before it."""


class Message(Record):
    """One thing said before the question."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(max_length=200_000)


def in_turns(history: list[Message]) -> list[Message]:
    """The messages, if they are whole turns: questions and answers by turns, an instruction at most as the first.

    Raises ValueError.
    """
    if not history:
        return history
    said = [each.role for each in _said(history)]
    if said != ["user", "assistant"] * (len(said) // 2):
        raise ValueError(
            "what went before a question is questions and answers by turns, ending with an answer; "
            "a system message can only be the first"
        )
    if len(said) > 2 * MOST_TURNS:
        raise ValueError(f"at most {MOST_TURNS} turns go before a question")
    return history


History = Annotated[list[Message], AfterValidator(in_turns)]
"""Oldest first."""


def _said(history: Sequence[Message]) -> Sequence[Message]:
    return history[1:] if history and history[0].role == "system" else history


def turns_of(history: Sequence[Message]) -> int:
    """How many turns there are."""
    return len(_said(history)) // 2


def without_oldest(history: Sequence[Message], turns: int) -> list[Message]:
    """The same without so many of the oldest turns. An instruction stays."""
    said = _said(history)
    return [*history[: len(history) - len(said)], *said[2 * turns :]]


def with_turn(history: Sequence[Message], question: str, answer: str) -> list[Message]:
    """The same with one more turn."""
    turn = Message(role="user", content=question), Message(role="assistant", content=answer)
    return [*history, *turn]


# --- a question with what went before it, as one text -----------------------------------------------

_MARK = "\ue000"
"""Begins each message of a packed text: a character that no text means (private use), and no white space."""
_MESSAGE = re.compile(f"{_MARK}(system|user|assistant)\n")


class Asked(NamedTuple):
    """A question and what went before it."""

    history: list[Message]
    query: str


def packed(history: Sequence[Message], query: str) -> str:
    """The question with what went before it; where nothing did, the question as it is."""
    if not history:
        return query.replace(_MARK, "")  # nobody writes their own history
    said = [*history, Message(role="user", content=query)]
    return "\n".join(f"{_MARK}{each.role}\n{each.content.replace(_MARK, '')}" for each in said)


def unpacked(asked: str) -> Asked:
    """What `packed` was given; any other text is a question that nothing went before."""
    first, *parts = _MESSAGE.split(asked)
    if first or not parts:
        return Asked([], asked)
    *before, (role, query) = zip(parts[::2], parts[1::2], strict=True)
    try:
        history = in_turns(
            [
                Message.model_validate({"role": r, "content": c.removesuffix("\n")})
                for r, c in before
            ]
        )
    except ValueError:
        return Asked([], asked)
    return Asked(history, query) if role == "user" else Asked([], asked)
