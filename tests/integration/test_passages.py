"""Marked passages: what the store refuses, what becomes of them among equal answers, out, in, and gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.comparing.view import view_of
from app.files import import_jsonl, triplet_lines
from app.store import BadSignals, Store, behaviors, people, responses, signals, traces
from rlhb_core.schema.features import Marked
from rlhb_core.schema.payloads import MAX_PIECES
from rlhb_core.schema.records import Outcome, Query, Response
from rlhb_core.schema.signals import Signal
from tests.integration.test_blind import OPEN, Story, behaviors_of
from tests.scene import act, asked, someone

ROBOTS = "Two 🤖🤖."
"""Nine characters, eleven of UTF-16, fifteen bytes of UTF-8."""


def mark(query: Query, answer: Response, start: int, end: int, **told: Any) -> Signal:
    payload = {"mark": str(uuid4()), "quality": "bad", **told}
    return act("mark", query, answer, start=start, end=end, **payload)


def marks_of(store: Store) -> dict[UUID, list[tuple[int, int, str]]]:
    found = behaviors_of(store)
    return {
        each: [(one.start, one.end, one.words) for one in told.behavior_features.marks]
        for each, told in found.items()
    }


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    yield opened
    opened.close()


def test_offsets_are_characters_whatever_they_take_in_bytes(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person, answers=(ROBOTS, "b", "c"))
        signals.record(connection, person.id, [mark(query, a, 4, 6), mark(query, a, 6, 7)])
    assert marks_of(store)[a.id] == [(4, 6, "🤖🤖"), (6, 7, ".")]


def test_what_lies_beyond_the_end_is_refused_and_nothing_of_its_batch_is_kept(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person, answers=(ROBOTS, "b", "c"))
        with pytest.raises(BadSignals) as refused:
            signals.record(connection, person.id, [mark(query, a, 0, 3), mark(query, a, 4, 8)])
        (why,) = refused.value.refusals
        assert why.index == 1
        assert why.message == (
            "mark: it ends at character 8 of an answer that has 7; mark what is there"
        )
        assert signals.of_query(connection, query.id) == []


def test_of_an_answer_that_is_being_written_nobody_knows_the_end(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person)
        pending = a.model_copy(update={"outcome": Outcome.PENDING})
        responses.finish(connection, pending)
        early = mark(query, a, 0, 300)
        assert signals.record(connection, person.id, [early]) == 1
        responses.finish(connection, a)
        assert signals.record(connection, person.id, [early]) == 0, "sent again it is no other act"
    assert marks_of(store)[a.id] == [(0, len(a.text), a.text)]


def test_one_answer_takes_so_many_marks_and_changing_one_is_none_more(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, _) = asked(connection, person)
        many = [mark(query, a, 0, 1) for _ in range(MAX_PIECES)]
        assert signals.record(connection, person.id, many) == MAX_PIECES
        changed = mark(query, a, 1, 2, mark=many[0].payload["mark"], quality="good")
        assert signals.record(connection, person.id, [changed, mark(query, b, 0, 1)]) == 2
        with pytest.raises(BadSignals, match="one answer takes at most 100 of these"):
            signals.record(connection, person.id, [mark(query, a, 0, 1)])
        alone, (c, *_) = asked(connection, person, "Another?")
        with pytest.raises(BadSignals, match="at most 100"):
            signals.record(
                connection, person.id, [mark(alone, c, 0, 1) for _ in range(MAX_PIECES + 1)]
            )


def test_equal_answers_share_their_marks_at_the_same_words(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, c) = asked(connection, person, answers=("Lima.", "  Lima.", "Quito."))
        acts = [mark(query, b, 2, 6, quality="good"), mark(query, a, 4, 5), mark(query, c, 0, 5)]
        signals.record(connection, person.id, acts)
    assert marks_of(store) == {
        a.id: [(0, 4, "Lima"), (4, 5, ".")],
        b.id: [(2, 6, "Lima"), (6, 7, ".")],
        c.id: [(0, 5, "Quito")],
    }


def test_marks_are_told_exported_and_read_back(store: Store, other: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, _) = asked(connection, person, answers=(ROBOTS, "Two, I think.", "c"))
        acts = [
            mark(query, a, 0, 3, quality="good", reason="right"),
            mark(query, a, 4, 5, note="Nobody asked."),
            mark(query, b, 5, 12, reason="unsure"),
        ]
        signals.record(connection, person.id, acts)
    went = behaviors_of(store)
    assert went[a.id].behavior_text == (
        "The reader pointed out what is good as well as what is bad."
    )
    assert went[b.id].behavior_text == "The reader pointed out what is bad."
    assert went[b.id].behavior_features.marks == [
        Marked(
            mark=acts[2].payload["mark"], start=5, end=12, quality="bad", reason="unsure",
            words="I think",
        )
    ]  # fmt: skip
    sent = b"".join(triplet_lines(store, OPEN)).splitlines()
    assert import_jsonl(other, sent).imported == 3
    back = behaviors_of(other)
    for each, told in went.items():
        assert back[each].behavior_features == told.behavior_features
        assert back[each].behavior_text == told.behavior_text
    moved = [line.replace(b'"start":5', b'"start":4') for line in sent]
    refused = import_jsonl(store, moved)
    assert refused.failed == 1
    assert "the words of a mark are not those of the response" in refused.errors[0].message


def test_marks_made_with_names_in_view_are_told_apart(store: Store):
    story = Story(store, "Lima.", "Quito.", "Cuzco.")
    a, b, _ = story.answers
    blind = {"mark": str(uuid4()), "start": 0, "end": 4, "quality": "good"}
    story.did(story.act("mark", a, **blind))
    story.did(story.vote(b))
    late = blind | {"mark": str(uuid4()), "quality": "bad"}
    story.did(story.act("mark", a, **late))
    (hidden,) = behaviors_of(store)[a.id].behavior_features.marks
    assert (hidden.quality, hidden.words) == ("good", "Lima")
    opened = behaviors_of(store, OPEN)[a.id]
    assert {each.quality for each in opened.behavior_features.marks} == {"good", "bad"}
    assert opened.unblinded
    story.did(story.act("mark", a, **blind, on=False))
    assert behaviors_of(store)[a.id].behavior_features.marks == [], "taken back it counts nowhere"


def test_the_page_is_told_the_marks_that_stand_with_their_words(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, _) = asked(connection, person, answers=(ROBOTS, "b", "c"))
        robots, dot, off = mark(query, a, 4, 6), mark(query, a, 6, 7), mark(query, b, 0, 1)
        changed = mark(query, a, 0, 3, mark=robots.payload["mark"], quality="good", reason="right")
        taken = mark(query, b, 0, 1, mark=off.payload["mark"], on=False)
        changed, taken = (
            each.model_copy(update={"at_ms": each.at_ms + 1_000}) for each in (changed, taken)
        )
        signals.record(connection, person.id, [robots, dot, off])
        signals.record(connection, person.id, [changed, taken])
        answers = responses.of_query(connection, query.id)
        said = signals.of_query(connection, query.id)
    first, second, _ = (each.marks.passages for each in view_of(query, answers, said, {}).panels)
    assert [(each.words, each.quality, each.reason) for each in first] == [
        ("Two", "good", "right"), (".", "bad", ""),
    ]  # fmt: skip
    assert second == []


def test_whoever_is_erased_takes_marks_and_notes_along(store: Store):
    note = "A remark that nobody else would make."
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person)
        signals.record(connection, person.id, [mark(query, a, 0, 2, note=note)])
    behaviors.refresh(store)
    with store.reading() as connection:
        looked_for = traces.marks_of(connection, person.id)
        mine = b"".join(people.export_all(store, person.id))
    assert note.encode() in looked_for
    assert note.encode() in mine
    with store.writing() as connection:
        people.erase(connection, person.id)
    assert behaviors_of(store) == {}
