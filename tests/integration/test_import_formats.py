"""Files of others by a mapping: ratings of aspects, rankings, labels, corrections, strengths; CSV and JSON lines."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from app.files import Mapping, import_csv, import_file, preference_lines
from app.store import Store
from app.store.tables import SIGNAL
from rlhb_core.errors import BadConfig
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import Triplet
from rlhb_core.schema.signals import SignalKind
from tests.integration.test_export_import import (
    EVERYTHING,
    comparisons_of,
    lines_of,
    triplets_of,
)

MAPPINGS = Path(__file__).parents[2] / "docs" / "import"


def brought_in(store: Store, tmp_path: Path, mapping: str, *lines: Any) -> Any:
    """The result of importing these lines of JSON by one of the mappings in the documents; none: by themselves."""
    file = tmp_path / "theirs.jsonl"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in lines), encoding="utf-8")
    return import_file(store, file, MAPPINGS / f"{mapping}.toml" if mapping else None)


def by_answer(store: Store) -> dict[str, Triplet]:
    return {each.response: each for each in triplets_of(store)}


def ultrafeedback(instruction: str, ratings: Sequence[str]) -> dict[str, Any]:
    """A line as UltraFeedback has them, with made-up words."""
    aspects = ("helpfulness", "honesty", "instruction_following", "truthfulness")
    return {
        "source": "made up",
        "instruction": instruction,
        "models": [f"model {n}" for n in range(len(ratings))],
        "correct_answers": ["None"],
        "completions": [
            {
                "model": f"model {n}",
                "response": f"Answer {n}.",
                "annotations": {
                    each: {"Rating": rating, "Rationale": "Because."} for each in aspects
                },
                "critique": f"Number {n} could be shorter.",
                "overall_score": 7.5,
                "principle": None,
            }
            for n, rating in enumerate(ratings)
        ],
    }


def test_ultrafeedback_gives_ratings_of_aspects_and_no_votes(store: Store, tmp_path: Path):
    lines = [
        ultrafeedback("Say something.", ("5", "1", "N/A", "3")),
        ultrafeedback("Less.", ("2",)),
    ]
    result = brought_in(store, tmp_path, "", *lines)
    assert (result.imported, result.failed, result.warnings) == (5, 0, [])
    found = {(each.query, each.response): each for each in triplets_of(store)}
    first = found["Say something.", "Answer 0."]
    assert first.behavior_features.ratings == dict.fromkeys(
        ("helpfulness", "honesty", "instruction_following", "truthfulness"), 5.0
    )
    assert first.behavior_features.comment == "Number 0 could be shorter."
    assert first.model_version == "model 0"
    assert found["Say something.", "Answer 2."].behavior_features.ratings == {}
    assert found["Less.", "Answer 0."].behavior_features.rating == 2.0
    assert comparisons_of(store) == [], "a rating is no vote"
    again = brought_in(store, tmp_path, "", *lines)
    assert (again.imported, again.skipped) == (0, 5)


def test_helpsteer_is_stretched_from_its_own_range(store: Store, tmp_path: Path):
    line = {
        "prompt": "Why?", "response": "Because.", "helpfulness": 4, "correctness": 3, "coherence": 2,
        "complexity": 0, "verbosity": 1,
    }  # fmt: skip
    wrong = line | {"prompt": "Wrong?", "helpfulness": 5}
    result = brought_in(store, tmp_path, "helpsteer", line, wrong)
    assert (result.imported, result.failed) == (1, 1)
    assert result.errors[0].number == 2
    assert "rate: value" in result.errors[0].message
    (found,) = triplets_of(store)
    assert found.behavior_features.ratings == {
        "helpfulness": 5.0, "correctness": 4.0, "coherence": 3.0, "complexity": 1.0, "verbosity": 2.0
    }  # fmt: skip


def test_the_strength_of_a_preference_comes_with_it(store: Store, tmp_path: Path):
    lines = [
        {"prompt": f"Which? {n}", "response_1": "One.", "response_2": "Two.", "preference_strength": n}
        for n in (-3, -1, 0, 2)
    ]  # fmt: skip
    assert brought_in(store, tmp_path, "helpsteer2_preferences", *lines).imported == 8
    told = {
        each.query[7:]: (each.choice, each.best, each.strength) for each in comparisons_of(store)
    }
    assert told == {
        "-3": (VoteChoice.BEST, 0, 3),
        "-1": (VoteChoice.BEST, 0, 1),
        "0": (VoteChoice.TIE, None, None),
        "2": (VoteChoice.BEST, 1, 2),
    }


MEANING = {
    "name": "theirs",
    "query": "q",
    "preference": "winner",
    "choices": {"first": 1},
    "answers": [
        {"text": f"a{n}", "place": f"p{n}", "label": f"good{n}", "edited": f"e{n}", "comment": f"c{n}"}
        for n in (1, 2, 3)
    ],
}  # fmt: skip
HEAD = "q,winner,a1,p1,good1,e1,c1,a2,p2,good2,e2,c2,a3,p3,good3,e3,c3\n"


def test_places_labels_corrections_and_comments_of_csv(store: Store):
    rows = [
        HEAD,
        "Ranked?,first,A,2,1,,,B,1,0,,,C,2,,,\n",
        'Chosen?,first,D,,yes,D!,"short, but right",E,,maybe,,,F,1,no,F,\n',
        "Nonsense?,,G,best,,,,H,1,,,,I,2,,,\n",
    ]
    result = import_csv(store, rows, Mapping.model_validate(MEANING))
    assert (result.imported, result.failed) == (6, 1)
    assert (result.errors[0].number, result.errors[0].message) == (4, "p1: not a number")
    assert result.warnings == [
        "1 row has a label value in good2 that the mapping does not know: 'maybe' (1)"
    ]
    found = by_answer(store)
    assert [found[each].behavior_features.place for each in "ABC"] == [2, 1, 2]
    assert [found[each].behavior_features.vote for each in "ABC"] == ["lost", "won", "lost"]
    assert [(found[each].behavior_features.liked, found[each].behavior_features.disliked) for each in "ABCDEF"] == [
        (True, False), (False, True), (False, False), (True, False), (False, False), (False, True),
    ]  # fmt: skip
    chosen = found["D"].behavior_features
    assert (chosen.vote, chosen.edited_text, chosen.comment) == ("won", "D!", "short, but right")
    edited = [x for x in lines_of(preference_lines(store, EVERYTHING)) if x["from"] == "edit"]
    assert [x["chosen"][0]["content"] for x in edited] == ["D!"], "F was left as it is"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{broken", "not readable as JSON"),
        ("[1, 2]", "is no JSON object"),
        ('{"prompt": NaN}', "not readable as JSON"),
        (json.dumps({"prompt": "q", "many": list(range(3000))}), "has more than 2,000 fields"),
        ('{"response": "no question"}', "text: string should have at least 1 character"),
        ('{"prompt": "no answer", "response": null}', "has no answer"),
        ("[" * 100_000, "not readable as JSON"),
    ],
)
def test_bad_lines_of_json_are_named_and_the_others_taken(
    sqlite_store: Store, tmp_path: Path, line: str, says: str
):
    good = json.dumps({"prompt": "Why?", "response": "Because.", "helpfulness": 4})
    (tmp_path / "theirs.jsonl").write_text(f"\ufeff{good}\n\n{line}\n", encoding="utf-8")
    result = import_file(sqlite_store, tmp_path / "theirs.jsonl", MAPPINGS / "helpsteer.toml")
    assert (result.imported, result.failed) == (1, 1)
    assert (result.errors[0].number, result.errors[0].message) == (3, says)
    assert result.warnings == [
        "no line has coherence, complexity, correctness, verbosity, which the mapping names"
    ]


def test_what_a_mapping_cannot_mean_is_refused(sqlite_store: Store, tmp_path: Path):
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        'name = "x"\nquery = "q"\nstrengths = { much = 4 }\n[[answers]]\ntext = "a"\n'
    )
    (tmp_path / "theirs.jsonl").write_text("{}\n")
    with pytest.raises(
        BadConfig, match=r"strengths\.much: input should be less than or equal to 3"
    ):
        import_file(sqlite_store, tmp_path / "theirs.jsonl", mapping)


ACTS = """
name = "acts"
query = "q"
[event_kinds]
kept = "accept"
read = "dwell"
down = "scroll"
took = "copy"
wrote = "edit"
[[answers]]
text = "a"
copied = "copied"
selected = "selected"
accepted = "accepted"
shared = "shared"
flagged = "flagged"
regenerated = "again"
events = "events"
"""


def test_a_mapping_knows_every_act_however_a_cell_tells_it(store: Store, tmp_path: Path):
    mapping, file = tmp_path / "acts.toml", tmp_path / "acts.csv"
    mapping.write_text(ACTS)
    events = [
        {"type": "read", "ms": 1200}, {"type": "down", "depth": 0.5}, {"type": "kept"},
        {"type": "wrote", "text": "Better."}, {"type": "took", "copied": "abc"}, {"type": "blinked"},
    ]  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"q": "number", "a": "Answer.", "copied": "12", "selected": "0"},
        {"q": "words", "a": "Answer.", "copied": "Answ", "selected": "true"},
        {"q": "list", "a": "Answer.", "copied": "['Ans', {'copied': 'wer'}, 4]"},
        {"q": "nothing", "a": "Answer.", "copied": "[]", "accepted": "false", "flagged": "no"},
        {"q": "marks", "a": "Answer.", "accepted": "1", "shared": "yes", "again": "true", "flagged": "rude"},
        {"q": "events", "a": "Answer.", "events": repr(events)},
        {"q": "broken", "a": "Answer.", "events": "[1]"},
        {"q": "lacking", "a": "Answer.", "events": '[{"type": "read"}]'},
    ]  # fmt: skip
    columns = ["q", "a", "copied", "selected", "accepted", "shared", "flagged", "again", "events"]
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    result = import_file(store, file, mapping)
    assert [(error.number, error.message) for error in result.errors] == [
        (8, "events: an event is an object with its type"), (9, "events: dwell: has no ms")
    ]  # fmt: skip
    assert result.warnings == [
        "1 row has an event value in events that the mapping does not know: 'blinked' (1)"
    ]
    assert result.done[SignalKind.COPY] == 1 + 1 + 3 + 1 + 2
    assert result.done[SignalKind.SELECT] == 1
    found = {each.query: each.behavior_features for each in triplets_of(store)}
    copied = {name for name, each in found.items() if each.copied}
    assert copied == {"number", "words", "list", "marks", "events"}
    marks, told = found["marks"], found["events"]
    assert (marks.copied, marks.shared, marks.flagged, marks.asked_again) == (True,) * 4
    assert (told.dwell_ms, told.read_depth, told.edited_text, told.copied) == (
        1200, 0.5, "Better.", True
    )  # fmt: skip
    with store.reading() as connection:
        chars = connection.execute(
            sa.select(SIGNAL.c.payload).where(SIGNAL.c.kind == SignalKind.COPY)
        ).scalars()
        assert sorted(each["chars"] for each in chars) == [3, 3, 3, 4, 4, 7, 7, 12]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"query": None}, "name `query` or `conversation`"),
        ({"conversation": "talk"}, "not both"),
        ({"answers": [{"model": "m"}, {"text": "a"}]}, "needs its `text`"),
        ({"query": None, "answers": [{"model": "m"}], "history": "h"}, "goes with `query`"),
        ({"event_kinds": {"x": "vote"}}, "event_kinds"),
    ],
)
def test_what_a_mapping_must_name(wrong: dict[str, Any], says: str):
    with pytest.raises(ValidationError, match=says):
        Mapping.model_validate(MEANING | wrong)


def test_a_question_in_two_parts_is_one(store: Store, tmp_path: Path):
    mapping, file = tmp_path / "talk.toml", tmp_path / "talk.csv"
    mapping.write_text('name = "t"\nconversation = "talk"\n[[answers]]\ntext = "a"\n')
    said = [("user", "Hello"), ("user", "There"), ("assistant", "Yes"), ("user", "So?")]
    talk = repr([{"role": role, "content": content} for role, content in said])
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([("talk", "a"), (talk, "So."), ("[]", "So.")])
    result = import_file(store, file, mapping)
    assert [error.message for error in result.errors] == [
        "talk: is a conversation in which nothing was said"
    ]
    (found,) = triplets_of(store)
    assert (found.query, found.turn) == ("So?", 2)
    assert [each.content for each in found.history] == ["Hello\n\nThere", "Yes"]


_BEFORE = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "The capital of Peru?"},
    {"role": "assistant", "content": "Lima."},
]
_TALKS = """
name = "talks"
query = "question"
query_id = "id"
history = "{history}"
[[answers]]
text = "answer"
"""


def _talked(store: Store) -> list[tuple[str, int, list[tuple[str, str]]]]:
    return [
        (each.query, each.turn, [(turn.role, turn.content) for turn in each.history])
        for each in sorted(triplets_of(store), key=lambda each: each.query)
    ]


_TOLD = [(each["role"], each["content"]) for each in _BEFORE]


def test_a_mapping_names_what_went_before_the_question_in_cells(store: Store, tmp_path: Path):
    mapping, file = tmp_path / "talks.toml", tmp_path / "talks.csv"
    mapping.write_text(_TALKS.format(history="before"), encoding="utf-8")
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = [
            ("1", "How large is it?", json.dumps(_BEFORE), "Large."),
            ("2", "In Python?", repr(_BEFORE), "Yes."),
            ("3", "Just this?", "", "Just this."),
            ("4", "Broken?", "before", "So."),
            ("5", "By whom?", '[{"role": "wizard", "content": "a"}]', "So."),
            ("6", "And the answer?", json.dumps(_BEFORE[:2]), "So."),
        ]
        csv.writer(opened).writerows([("id", "question", "before", "answer"), *rows])
    result = import_file(store, file, mapping)
    assert (result.imported, result.failed) == (3, 3)
    assert [error.number for error in result.errors] == [5, 6, 7]
    assert all(error.message.startswith("before: ") for error in result.errors)
    assert "is no list" in result.errors[0].message
    assert "'wizard'" in result.errors[1].message
    assert "ending with an answer" in result.errors[2].message
    assert _talked(store) == [
        ("How large is it?", 2, _TOLD), ("In Python?", 2, _TOLD), ("Just this?", 1, []),
    ]  # fmt: skip


def test_of_json_lines_a_mapping_names_the_list_itself(store: Store, tmp_path: Path):
    mapping, file = tmp_path / "talks.toml", tmp_path / "talks.jsonl"
    mapping.write_text(_TALKS.format(history="asked.0.before"), encoding="utf-8")
    lines = [
        {
            "id": "1",
            "question": "How large is it?",
            "answer": "Large.",
            "asked": [{"before": _BEFORE}],
        },
        {"id": "2", "question": "Just this?", "answer": "Just this.", "asked": []},
        {"id": "3", "question": "Broken?", "answer": "So.", "asked": [{"before": [7]}]},
    ]
    file.write_text("".join(f"{json.dumps(each)}\n" for each in lines), encoding="utf-8")
    result = import_file(store, file, mapping)
    assert (result.imported, result.failed, result.warnings) == (2, 1, [])
    assert result.errors[0].number == 3
    assert "no list of messages" in result.errors[0].message
    assert _talked(store) == [("How large is it?", 2, _TOLD), ("Just this?", 1, [])]
