"""What the model process takes: a question with the turns before it, and nothing that is no conversation."""

from typing import Any

import pytest

from app.engine.protocol import Chat, whole
from rlhb_core.errors import BadRecord
from rlhb_core.lm.rows import Finished
from rlhb_core.schema.history import unpacked, with_turn


def chat(*roles: str, **fields: Any) -> Chat:
    said = [{"role": role, "content": f"{role} {place}"} for place, role in enumerate(roles)]
    return Chat.model_validate({"model": "base", "messages": said, **fields})


def test_turns_before_a_question_are_its_history() -> None:
    row = chat("system", "user", "assistant", "user").row()
    assert row.behavior == "system 0"
    assert unpacked(row.query) == (with_turn([], "user 1", "assistant 2"), "user 3")
    assert row.so_far == ""


def test_an_answer_goes_on_after_turns() -> None:
    row = chat("user", "assistant", "user", "assistant", continue_final_message=True).row()
    assert unpacked(row.query) == (with_turn([], "user 0", "assistant 1"), "user 2")
    assert row.so_far == "assistant 3"


@pytest.mark.parametrize(
    "roles", ["assistant", "user user", "user assistant", "assistant user", "system", "user system"]
)
def test_what_is_no_conversation_is_refused_in_a_sentence(roles: str) -> None:
    with pytest.raises(BadRecord, match="questions and answers by turns"):
        chat(*roles.split()).row()


def test_an_answer_tells_how_many_turns_were_left_out() -> None:
    said = whole("base", Finished("Lima.", 3, False, left_out=2))
    assert said["usage"] == {"completion_tokens": 3, "turns_left_out": 2}
