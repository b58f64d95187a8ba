"""What went before a comparison, to be read above it: each turn with its question and the answer that was gone on with.

Does not know the comparison itself (`view.py`).
"""

from collections.abc import Sequence
from uuid import UUID

from pydantic import Field

from app.comparing.going_on import standing
from app.rendering import Block, rendered
from rlhb_core.schema.history import Message
from rlhb_core.schema.record import Record
from rlhb_core.schema.records import Query, Response


class Turn(Record):
    """One turn."""

    question: str
    answer: str = Field(description="As the versions were given it.")
    blocks: list[Block] = Field(description="The answer as it is read.")


class OwnThread(Record):
    """What went before one answer, where it is not what went before the others."""

    response_id: UUID
    turns: list[Turn]


class ThreadView(Record):
    """All that went before a comparison, oldest first."""

    instruction: str = Field(default="", description="What stands above all turns, in a study.")
    turns: list[Turn]
    own: list[OwnThread] = Field(default=[], description="Where each version has its own answers.")


def thread_of(query: Query, responses: Sequence[Response]) -> ThreadView:
    """What went before a comparison. Renders every answer: not for the event loop."""
    has_one = bool(query.history) and query.history[0].role == "system"
    return ThreadView(
        instruction=query.history[0].content if has_one else "",
        turns=_turns(query.history),
        own=[
            OwnThread(response_id=each.id, turns=_turns(each.history))
            for each in standing(responses)
            if each.history is not None
        ],
    )


def _turns(history: Sequence[Message]) -> list[Turn]:
    said = [each.content for each in history if each.role != "system"]
    return [
        Turn(question=question, answer=answer, blocks=rendered(answer))
        for question, answer in zip(said[::2], said[1::2], strict=True)
    ]
