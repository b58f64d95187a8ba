"""The list of what somebody compared before: theirs alone, of one study or of free questions, as it stands."""

import random
from uuid import uuid4

from app.comparing import Earlier
from app.comparing.earlier import FIRST_WORDS
from app.comparing.stored import StoredComparisons
from app.settings import Settings
from app.store import Store, Study, queries, signals, studies
from rlhb_core.schema.records import Person, Query
from tests.scene import OPENED_MS, act, asked, best, someone


def listed(
    store: Store, person: Person, study: Study | None = None, limit: int = 20
) -> list[Earlier]:
    stored = StoredComparisons(
        store, Settings(), {}, random.Random(0), lambda each: Person(id=each)
    )
    return stored.earlier(person.id, study.id if study else None, limit)


def test_newest_first_with_what_was_chosen_last(store: Store):
    with store.writing() as connection:
        person, other = someone(connection), someone(connection)
        found = [
            asked(connection, person, f"Question {number}?", at_ms=OPENED_MS + number)
            for number in range(6)
        ]
        (voted, answers), (back, _), (tie, _), (ranked, placed), (left, _), (none, _) = found
        asked(connection, other, "Somebody else's?")
        order = [[str(each.id)] for each in placed]
        signals.record(
            connection,
            person.id,
            [
                best(voted, answers[0]),
                best(voted, answers[2], after_ms=70_000),
                act("vote", back, choice="skip"),
                act("vote", back, after_ms=70_000, choice="withdrawn"),
                act("vote", tie, choice="tie").model_copy(update={"unblinded": True}),
                act("rank", ranked, order=order),
                act("abandon", left),
                act("abandon", none),
                act("abandon", none, after_ms=70_000, on=False),
            ],
        )
    lines = listed(store, person)
    assert [each.query for each in lines] == [f"Question {number}?" for number in range(5, -1, -1)]
    by_id = {each.query_id: each for each in lines}
    assert (by_id[voted.id].choice, by_id[voted.id].letter) == ("best", "C")
    assert (by_id[back.id].choice, by_id[back.id].ranked) == (None, False)
    assert (by_id[tie.id].choice, by_id[tie.id].named) == ("tie", True)
    assert (by_id[ranked.id].choice, by_id[ranked.id].ranked) == (None, True)
    assert [each.query_id for each in lines if each.left] == [left.id]
    assert [each.query for each in listed(store, person, limit=2)] == ["Question 5?", "Question 4?"]
    assert [each.query for each in listed(store, other)] == ["Somebody else's?"]


def test_a_study_and_free_questions_are_two_lists(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        study = studies.add(connection, Study(name="Moons"))
        asked(connection, person, "A free one?")
        queries.add(connection, Query(person_id=person.id, text="One of it?"), study_id=study.id)
    assert [each.query for each in listed(store, person)] == ["A free one?"]
    assert [each.query for each in listed(store, person, study)] == ["One of it?"]
    assert listed(store, Person(id=uuid4())) == []


def test_of_a_long_question_its_beginning_is_told(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        asked(connection, person, "Why?\n\n" + "word " * 3_000)
    (line,) = listed(store, person)
    assert line.query.startswith("Why? word word")
    assert len(line.query) <= FIRST_WORDS + 1
