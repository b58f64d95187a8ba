"""Files of questions: what is usual is read by its name, a bad line costs no other one, nothing is guessed."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files import FoundAnswer, FoundItem, read_folder, read_items
from app.studies import Filled
from rlhb_core.errors import BadConfig, BadRecord


def read(tmp_path: Path, name: str, text: str) -> list[tuple[int, FoundItem | str]]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return list(read_items(path))


def one(tmp_path: Path, line: Any) -> FoundItem | str:
    ((_, found),) = read(tmp_path, "q.jsonl", json.dumps(line))
    return found


def test_a_question_per_line(tmp_path: Path):
    found = read(tmp_path, "q.txt", "\ufeffOne?\n\n  Two? \r\n")
    assert found == [(1, FoundItem("One?", [], [])), (3, FoundItem("Two?", [], []))]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("One?", "One?"),
        ({"prompt": "One?"}, "One?"),
        ({"Query": " One? "}, "One?"),
        ({"turns": ["One?", "And then?"]}, "One?"),
        ({"messages": [{"role": "user", "content": "One?"}]}, "One?"),
        ({"conversation": [{"from": "human", "value": "One?"}, {"from": "gpt", "value": "Yes."}]}, "One?"),
        ({"instruction": "One?", "text": "the rest"}, "One?"),
    ],
)  # fmt: skip
def test_a_question_under_its_usual_names(tmp_path: Path, line: Any, text: str):
    found = one(tmp_path, line)
    assert isinstance(found, FoundItem)
    assert found.text == text


@pytest.mark.parametrize(
    "line",
    [
        {"prompt": "Q?", "responses": ["a", "b"], "models": ["x", "y"]},
        {"prompt": "Q?", "answers": [{"text": "a", "model": "x"}, {"content": "b", "generator": "y"}]},
        {"prompt": "Q?", "completions": [[{"role": "assistant", "content": "a"}], "b"], "models": ["x", "y"]},
    ],
)  # fmt: skip
def test_answers_come_along_with_who_wrote_them(tmp_path: Path, line: Any):
    found = one(tmp_path, line)
    assert isinstance(found, FoundItem)
    assert list(found.answers) == [FoundAnswer("a", "x"), FoundAnswer("b", "y")]


def test_chosen_and_rejected_are_two_answers_and_neither_is_known_to_be_best(tmp_path: Path):
    turns = [{"role": "user", "content": "Q?"}]
    line = {
        "prompt": turns,
        "chosen": [*turns, {"role": "assistant", "content": "a"}],
        "rejected": [*turns, {"role": "assistant", "content": "b"}],
    }
    found = one(tmp_path, line)
    assert isinstance(found, FoundItem)
    assert [each.text for each in found.answers] == ["a", "b"]
    assert found.best is None


TURNS = [
    {"from": "system", "value": "Be brief."},
    {"from": "human", "value": "The capital of Peru?"},
    {"from": "gpt", "value": "Lima."},
    {"from": "human", "value": "And of Chile?"},
]


@pytest.mark.parametrize(
    "line",
    [
        {"conversation": TURNS},
        {"messages": [*TURNS, {"role": "assistant", "content": "Santiago."}]},
        {"query": "And of Chile?", "history": TURNS[:3]},
    ],
)
def test_of_a_conversation_the_last_question_is_asked_with_what_went_before(
    tmp_path: Path, line: Any
):
    found = one(tmp_path, line)
    assert isinstance(found, FoundItem)
    assert found.text == "And of Chile?"
    assert [(each.role, each.content) for each in found.history] == [
        ("system", "Be brief."),
        ("user", "The capital of Peru?"),
        ("assistant", "Lima."),
    ]


@pytest.mark.parametrize(("best", "place"), [(1, 0), ("2", 1), ("A", 0), ("b", 1)])
def test_the_best_answer_is_known_by_its_number_or_letter(tmp_path: Path, best: Any, place: int):
    found = one(tmp_path, {"prompt": "Q?", "answers": ["a", "b"], "best": best})
    assert isinstance(found, FoundItem)
    assert found.best == place


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ([1], "neither a question"),
        ({"id": 1}, "has no question"),
        ({"prompt": 7}, "neither a text nor a list of turns"),
        ({"prompt": "  "}, "is empty"),
        ({"prompt": "x" * 20_001}, "at most 20000"),
        ({"messages": [{"role": "user", "content": c} for c in "ab"]}, "do not follow each other"),
        ({"messages": [{"role": "system", "content": "a"}]}, "without a question at its end"),
        ({"messages": [{"role": "wizard", "content": "a"}]}, "'wizard'"),
        ({"prompt": "Q?", "history": "before"}, "no list of messages"),
        (
            {"prompt": "Q?", "history": [{"role": "user", "content": "a"}]},
            "do not follow each other",
        ),
        ({"prompt": "Q?", "answers": ["a", "a "]}, "are the same"),
        ({"prompt": "Q?", "answers": ["a", ""]}, "is empty"),
        ({"prompt": "Q?", "answers": ["a", 7]}, "no text"),
        ({"prompt": "Q?", "answers": ["a", "b"], "best": 3}, "does not come with it"),
        ({"prompt": "Q?", "answers": ["a", "b"], "best": "the first"}, "neither its number"),
        ({"prompt": "Q?", "answers": [str(n) for n in range(17)]}, "at most 16"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(tmp_path: Path, line: Any, words: str):
    found = one(tmp_path, line)
    assert isinstance(found, str)
    assert words in found


def test_a_bad_line_costs_no_other_one(tmp_path: Path):
    found = read(tmp_path, "q.jsonl", '"One?"\n{"broken\n{"prompt": "Three?"}\n')
    assert [(n, each if isinstance(each, str) else each.text) for n, each in found] == [
        (1, "One?"), (2, "is no JSON"), (3, "Three?"),
    ]  # fmt: skip


def test_a_csv_file_with_answers_models_tags_and_the_best_one(tmp_path: Path):
    text = "Prompt,answer_a,answer_b,model_a,model_b,category,winner\nQ?,a,b,x,y,maths; hard,B\n,a,b,x,y,,\n"
    (number, found), (bad, why) = read(tmp_path, "q.csv", text)
    answers = [FoundAnswer("a", "x"), FoundAnswer("b", "y")]
    assert (number, found) == (2, FoundItem("Q?", ["maths", "hard"], answers, 1))
    assert (bad, "has no question" in str(why)) == (3, True)


def test_a_folder_is_a_question_per_text(tmp_path: Path):
    (tmp_path / "b.txt").write_text("Two\nlines?")
    (tmp_path / "a.md").write_text("One?")
    (tmp_path / "c.txt").write_bytes(b"\xff\xfe\xfa")
    (tmp_path / "d.png").write_bytes(b"no")
    first, second, third = read_folder(tmp_path)
    assert (first, second) == (
        (1, FoundItem("One?", [], [])),
        (2, FoundItem("Two\nlines?", [], [])),
    )
    assert "c.txt is no text" in str(third[1])


def test_a_file_of_another_kind_is_refused(tmp_path: Path):
    with pytest.raises(BadRecord, match=r"\.txt, \.csv, \.jsonl"):
        read(tmp_path, "q.pdf", "x")
    with pytest.raises(BadConfig):
        read(tmp_path, "q.csv", '"open')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["prompt", "messages", "answers", "models", "best", "tags", "role", "content", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_line_is_a_question_or_a_sentence(line: Any):
    from app.files.item_lines import _checked, _of_json

    try:
        found = _checked(_of_json(line))
    except BadRecord as error:
        found = str(error)
    assert isinstance(found, str | FoundItem)
    assert found if isinstance(found, str) else found.text


def test_half_a_surrogate_costs_its_own_line_only(tmp_path: Path):
    path = tmp_path / "q.jsonl"
    turns = '{"messages": [{"role": "user", "content": "\\ud800 hi"}]}'
    path.write_text(f'{{"prompt": "One?"}}\n{turns}\n{{"prompt": "T?", "tags": ["\\ud800"]}}\n')
    found = [each for _, each in read_items(path)]
    assert [isinstance(each, str) for each in found] == [False, True, True]
    assert found[1] == "holds text that is no Unicode"


def test_of_several_questions_it_is_told_how_many_were_to_follow(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text(
        '{"turns": ["Write a poem.", "Now without the letter e."], "category": "writing"}\n'
        '{"turns": ["One?", "Two?", "Three?"]}\n{"turns": ["Alone?"]}\n{"prompt": "Plain?"}\n'
    )
    found = [each for _, each in read_items(path) if isinstance(each, FoundItem)]
    assert [(each.text, each.further) for each in found] == [
        ("Write a poem.", 1),
        ("One?", 2),
        ("Alone?", 0),
        ("Plain?", 0),
    ]
    assert Filled(added=4, further=3).sentence == (
        "4 added, 0 there already, 0 lines not taken. 3 further turns were left out: an item asks the first of several "
        "questions."
    )
    assert "1 further turn was left out" in Filled(added=1, further=1).sentence
    assert "turn" not in Filled(added=1).sentence


def test_cells_of_a_csv_file_hold_conversations_as_json_or_as_python_writes_lists(
    tmp_path: Path,
) -> None:
    before = [{"role": "user", "content": 'Hello, "you"?'}, {"role": "assistant", "content": "Hi."}]
    told = [("user", 'Hello, "you"?'), ("assistant", "Hi.")]
    rows = [
        ("And now?", json.dumps(before), ""),
        ("And now?", repr(before), ""),
        ("Alone?", "", ""),
        ("", "", json.dumps([*before, {"role": "user", "content": "And now?"}])),
        ("", "", repr(["One?", "Two?"])),
        ("[1] What?", "", ""),
        ("Broken?", "[{]", ""),
        ("Called?", "__import__('os').getcwd()", ""),
        ("Half?", json.dumps(before[:1]), ""),
    ]
    path = tmp_path / "q.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("prompt", "history", "turns"), *rows])
    found = [each for _, each in read_items(path)]
    good = [each for each in found if isinstance(each, FoundItem)]
    assert [(each.text, [(turn.role, turn.content) for turn in each.history]) for each in good] == [
        ("And now?", told),
        ("And now?", told),
        ("Alone?", []),
        ("And now?", told),
        ("One?", []),
        ("[1] What?", []),
    ]
    assert [each.further for each in good] == [0, 0, 0, 0, 1, 0]
    assert [each for each in found if isinstance(each, str)] == [
        "history: is no list, neither as JSON nor as Python writes one",
        "history: is no list, neither as JSON nor as Python writes one",
        "history: its turns do not follow each other: what went before a question is questions and answers by turns, "
        "ending with an answer; a system message can only be the first",
    ]
