"""What went before a comparison is rendered as far as that can be done in time, the newest first."""

from uuid import uuid4

import pytest

from app.comparing import thread
from app.comparing.thread import thread_of
from rlhb_core.schema.history import Message, with_turn
from rlhb_core.schema.records import Query, Response


def _history(*answers: str) -> list[Message]:
    history: list[Message] = []
    for number, answer in enumerate(answers):
        history = with_turn(history, f"Question {number}?", answer)
    return history


def test_the_newest_answers_are_rendered_and_those_beyond_the_room_are_as_they_were_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thread, "MOST_RENDERED", 20)
    query = Query(
        person_id=uuid4(), text="And now?", history=_history("**old** <b>", "**mid**", "**new**")
    )
    seen = thread_of(query, [])
    assert [each.question for each in seen.turns] == ["Question 0?", "Question 1?", "Question 2?"]
    html = [each.blocks[0].html for each in seen.turns]
    assert html[2] == '<p dir="auto"><strong>new</strong></p>'
    assert html[1] == '<p dir="auto"><strong>mid</strong></p>'
    assert html[0] == '<p class="plain" dir="auto">**old** &lt;b&gt;</p>'
    assert (
        seen.turns[0].blocks[0].map == "0,0,11"
    )  # so that it can be marked and copied as any other


def test_threads_of_their_own_share_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "MOST_RENDERED", 10)
    query = Query(person_id=uuid4(), text="And now?", history=_history("**one**"))
    own = [
        Response(
            query_id=query.id,
            version_id=uuid4(),
            position=place,
            draw_probability=1.0,
            history=_history(f"**{place}**"),
        )
        for place in range(2)
    ]
    seen = thread_of(query, own)
    assert "strong" in seen.turns[0].blocks[0].html
    assert all("**" in each.turns[0].blocks[0].html for each in seen.own)


def test_an_answer_of_white_space_is_no_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "MOST_RENDERED", 0)
    query = Query(person_id=uuid4(), text="And now?", history=_history(" \n "))
    assert thread_of(query, []).turns[0].blocks == []
