"""What went before a question leaves with it, comes back with it, and is what is trained on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid5

import pytest
from datasets import Dataset
from trl.data_utils import apply_chat_template, is_conversational

from app.files import (
    DataFilter,
    comparison_lines,
    completion_lines,
    import_jsonl,
    label_lines,
    preference_lines,
    triplet_lines,
)
from app.store import Store, queries, responses, signals, verify
from rlhb_core.lm.generator import encode_prompt
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import load_split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.run.votes import votes_of
from rlhb_core.schema.history import packed, unpacked, with_turn, without_oldest
from rlhb_core.schema.records import Comparison, Outcome, Query, Response, Source, Triplet
from tests.scene import OPENED_MS, act, asked, best, someone, version
from tests.tiny_models import make

EVERYTHING = DataFilter(sources=frozenset(Source), with_people=True)
BEFORE = with_turn(
    with_turn([], "What is the capital of Peru?", "Lima."), "How old is it?", "Founded in 1535."
)
OWN = with_turn([], "What is the capital of Peru?", "Cusco.")


def lines_of(blocks: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(blocks).splitlines()]


def conversation(
    store: Store, left_out: int = 0, *, threads: bool = False
) -> tuple[Query, list[Response]]:
    """A first question, and one that goes on after two turns; the second answer of it is voted best and liked."""
    with store.writing() as connection:
        person = someone(connection)
        first, _ = asked(connection, person, "What is the capital of Peru?")
        query = queries.add(
            connection,
            Query(
                person_id=person.id,
                text="And who founded it?",
                created_ms=OPENED_MS + 10,
                follows=first.id,
                conversation=first.id,
                turn=3,
                history=BEFORE,
            ),
        )
        answers = []
        for place, text in enumerate(("Pizarro.", "Francisco Pizarro did.")):
            drawn = Response(
                query_id=query.id,
                version_id=version(connection, f"V{place}").id,
                position=place,
                draw_probability=1.0,
                created_ms=OPENED_MS + 20 + place,
                history=OWN if threads and place else None,
            )
            responses.add(connection, drawn)
            ended = {"text": text, "outcome": Outcome.OK, "left_out": left_out}
            answers.append(responses.finish(connection, drawn.model_copy(update=ended)))
        acts = [act("like", query, answers[1]), best(query, answers[1])]
        signals.record(connection, person.id, acts)
    return query, answers


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    yield opened
    opened.close()


@pytest.mark.parametrize("threads", [False, True], ids=["one history", "own threads"])
def test_triplets_carry_what_went_before_and_bring_it_back(
    store: Store, other: Store, threads: bool
) -> None:
    query, answers = conversation(store, left_out=1, threads=threads)
    sent = b"".join(triplet_lines(store, EVERYTHING)).splitlines()
    told = {str(each.response_id): each for each in map(Triplet.model_validate_json, sent)}
    last = told[str(answers[1].id)]
    assert last.history == (OWN if threads else BEFORE)
    assert (last.schema_version, last.left_out, last.turn) == (2, 1, 3)
    assert last.conversation == query.conversation
    assert unpacked(last.asked) == (without_oldest(last.history, 1), query.text)
    assert told[str(answers[0].id)].history == BEFORE

    assert import_jsonl(other, sent).errors == []
    back = {line["response_id"]: line for line in lines_of(triplet_lines(other, EVERYTHING))}
    for line in map(json.loads, sent):
        assert back[line["response_id"]] == line | {"source": "imported"}
    assert verify(other) == []


def test_lines_of_version_1_stand_for_themselves(store: Store) -> None:
    old = {
        "schema_version": 1,
        "verbaliser_version": 1,
        "query_id": "00000000-0000-4000-8000-000000000001",
        "response_id": "00000000-0000-4000-8000-000000000002",
        "query": "Why?",
        "response": "Because.",
        "behavior_text": "The reader liked it.",
        "behavior_features": {"liked": True},
        "source": "real",
        "asked_at": "2026-01-02T03:04:05Z",
        "answered_at": "2026-01-02T03:04:06.5+00:00",
    }
    assert import_jsonl(store, [json.dumps(old)]).imported == 1
    (line,) = lines_of(triplet_lines(store, EVERYTHING))
    assert (line["schema_version"], line["history"], line["turn"]) == (2, [], 1)
    assert line["conversation"] is None


def test_a_history_that_is_no_conversation_is_refused_by_its_line(store: Store) -> None:
    conversation(store)
    line = lines_of(triplet_lines(store, EVERYTHING))[-1]
    line["history"] = line["history"][:1]
    result = import_jsonl(store, [json.dumps(line)])
    assert result.failed == 1
    assert "questions and answers by turns" in str(result.errors[0])


def test_votes_carry_what_went_before(store: Store) -> None:
    query, _ = conversation(store)
    (line,) = [
        Comparison.model_validate(line) for line in lines_of(comparison_lines(store, EVERYTHING))
    ]
    assert (line.history, line.histories, line.turn) == (BEFORE, None, 3)
    assert line.conversation == query.conversation
    (vote,) = votes_of([line], load_recipe("dpo").data)
    assert vote.query == packed(BEFORE, query.text)


def test_a_vote_among_threads_is_told_as_such_and_trains_nothing(store: Store) -> None:
    conversation(store, threads=True)
    (line,) = [
        Comparison.model_validate(line) for line in lines_of(comparison_lines(store, EVERYTHING))
    ]
    assert (line.history, line.histories) == ([], [BEFORE, OWN])
    assert votes_of([line], load_recipe("dpo").data) == []
    assert lines_of(preference_lines(store, EVERYTHING)) == []
    (imitated,) = lines_of(completion_lines(store, EVERYTHING))
    assert imitated["prompt"][:-1] == [each.model_dump() for each in OWN]


@pytest.mark.parametrize("left_out", [0, 1])
def test_trl_loads_conversations(store: Store, tmp_path: Path, left_out: int) -> None:
    query, (worse, better) = conversation(store, left_out)
    given = [each.model_dump() for each in without_oldest(BEFORE, left_out)]
    prompt = [*given, {"role": "user", "content": query.text}]
    tokenizer = load_trunk(make(tmp_path / "llama", "llama"), "cpu").tokenizer
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    )
    for lines in (preference_lines, label_lines, completion_lines):
        (line,) = lines_of(lines(store, EVERYTHING))
        assert line["prompt"] == prompt
        (row,) = Dataset.from_list([line])
        assert is_conversational(row)
        text = apply_chat_template(row, tokenizer)
        assert text["prompt"].startswith(f"user: {given[0]['content']}\nassistant: ")
        assert text["prompt"].rstrip().endswith(f"user: {query.text}")
    (pair,) = lines_of(preference_lines(store, EVERYTHING))
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == (
        better.text,
        worse.text,
    )


def test_what_is_trained_is_what_was_served(store: Store, tmp_path: Path) -> None:
    """The prompt of a training row has the tokens of the prompt that the model was given."""
    query, _ = conversation(store, left_out=1)
    rows = [Triplet.model_validate(line) for line in lines_of(triplet_lines(store, EVERYTHING))]
    rows = [
        row.model_copy(
            update={"query": f"{row.query} {n}", "query_id": uuid5(row.query_id, str(n))}
        )
        for n in range(40)
        for row in rows
    ]
    config = load_recipe("rlhb").model_copy(update={"base": str(tmp_path)})
    split = load_split(config, rows, [])
    asked_here = {unpacked(row.query).query: row.query for row in [*split.train, *split.held_out]}
    trunk = load_trunk(make(tmp_path / "llama", "llama"), "cpu")
    given = packed(without_oldest(BEFORE, 1), f"{query.text} 7")
    assert encode_prompt(trunk, asked_here[f"{query.text} 7"]) == encode_prompt(trunk, given)
    # nothing went before a first question: its row is as it always was
    assert asked_here["What is the capital of Peru? 7"] == "What is the capital of Peru? 7"
    # the embedded model takes each question by itself, in training as in serving
    alone = load_split(load_recipe("rlhb"), rows, [])
    assert not any(unpacked(row.query).history for row in [*alone.train, *alone.held_out])
