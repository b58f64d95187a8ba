"""What went before a comparison, to be read above it: each turn with its question and the answer that was gone on with.

Does not know the comparison itself (`view.py`).
"""

from collections.abc import Sequence
from uuid import UUID

from pydantic import Field

from app.comparing.going_on import standing
from app.rendering import Block, as_written, rendered
from rlhb_core.schema.history import Message
from rlhb_core.schema.record import Record
from rlhb_core.schema.records import Query, Response

MOST_RENDERED = 100_000
"""Characters of answers that are rendered for one thread; older ones are shown as they were written."""


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
    """What went before a comparison. Renders answers: not for the event loop."""
    has_one = bool(query.history) and query.history[0].role == "system"
    rendering = _Rendering()
    return ThreadView(
        instruction=query.history[0].content if has_one else "",
        turns=_turns(query.history, rendering),
        own=[
            OwnThread(response_id=each.id, turns=_turns(each.history, rendering))
            for each in standing(responses)
            if each.history is not None
        ],
    )


class _Rendering:
    """The answers of one thread, rendered as long as there is room for more."""

    def __init__(self) -> None:
        self.room = MOST_RENDERED

    def blocks(self, answer: str) -> list[Block]:
        self.room -= len(answer)
        return rendered(answer) if self.room >= 0 else as_written(answer)


def _turns(history: Sequence[Message], rendering: _Rendering) -> list[Turn]:
    """Oldest first; rendered from the newest on, which is the most likely to be read."""
    said = [each.content for each in history if each.role != "system"]
    turns = [
        Turn(question=question, answer=answer, blocks=rendering.blocks(answer))
        for question, answer in reversed(list(zip(said[::2], said[1::2], strict=True)))
    ]
    return turns[::-1]
