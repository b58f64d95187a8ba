"""Formats of others that are known without a mapping: twenty rows of each with three bad ones, and what they mean."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.files import EXPORTS, amounts, import_file, taken
from app.files.vote_lines import compared_answers
from app.store import Store, summary, verify
from rlhb_core.errors import BadRecord
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import Source
from tests.integration.test_export_import import EVERYTHING, comparisons_of, lines_of, triplets_of

Rows = list[dict[str, Any]]


def table(path: Path, rows: Rows) -> Path:
    """The rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def lines(path: Path, rows: Sequence[Any]) -> Path:
    """The rows as JSON lines."""
    path.write_text("".join(f"{json.dumps(each)}\n" for each in rows), encoding="utf-8")
    return path


def listed(path: Path, rows: Sequence[Any]) -> Path:
    """The rows as one list."""
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return path


BATTLE_WINNERS = ("model_a", "model_b", "tie", "tie (bothbad)")


def battle(n: int, **changed: Any) -> dict[str, Any]:
    """A battle without texts."""
    return {
        "model_a": f"model-{n % 3}",
        "model_b": f"model-{n % 3 + 1}",
        "winner": BATTLE_WINNERS[n % 4],
        "judge": f"arena_user_{n % 5}",
        "turn": n % 2 + 1,
        "tstamp": 1_700_000_000.25 + n,
    } | changed


def told_battle(n: int, **changed: Any) -> dict[str, Any]:
    """A battle with its texts."""
    texts = {
        "prompt": f"Question {n}?",
        "response_a": f"Answer {n}, one.",
        "response_b": f"Answer {n}, two.",
    }
    return battle(n) | texts | changed


def arena(n: int, **changed: Any) -> dict[str, Any]:
    """A battle with whole conversations."""

    def talk(side: str) -> list[dict[str, str]]:
        said = [f"Hello {n}", f"Hello, {side}.", f"And then {n}?", f"Then {side}."]
        roles = ("user", "assistant")
        return [{"role": roles[i % 2], "content": each} for i, each in enumerate(said)]

    talks = {"question_id": f"q{n}", "conversation_a": talk("a"), "conversation_b": talk("b")}
    return battle(n) | talks | changed


def pair(n: int, **changed: Any) -> dict[str, Any]:
    """A prompt with a chosen and a rejected answer."""
    told = {"prompt": f"Which {n}?", "chosen": f"This, {n}.", "rejected": f"That, {n}."}
    return told | changed


def transcripts(n: int, **changed: Any) -> dict[str, Any]:
    """Two transcripts as HH-RLHF has them."""
    begins = f"\n\nHuman: Hello {n}\n\nAssistant: Hello.\n\nHuman: And then?\n\nAssistant: "
    return {"chosen": f"{begins}Then this, {n}.", "rejected": f"{begins}No."} | changed


def says(*turns: str) -> list[dict[str, str]]:
    """What a person and a model say by turns."""
    return [{"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(turns)]


def messages(n: int, **changed: Any) -> dict[str, Any]:
    """Pairs as whole conversations, as UltraFeedback's binarized form and TRL have them."""
    one, other = says(f"Which {n}?", "This."), says(f"Which {n}?", "That.")
    told = {"prompt": f"Which {n}?", "prompt_id": f"p{n}", "chosen": one, "rejected": other}
    return told | {"score_chosen": 8.5, "score_rejected": 3.0} | changed


def openai_pair(n: int, **changed: Any) -> dict[str, Any]:
    """A pair as OpenAI trains on it."""
    return {
        "input": {"messages": says(f"Which {n}?"), "tools": [], "parallel_tool_calls": True},
        "preferred_output": [{"role": "assistant", "content": "This."}],
        "non_preferred_output": [{"role": "assistant", "content": "That."}],
    } | changed


def chat(n: int, **changed: Any) -> dict[str, Any]:
    """A conversation as OpenAI trains on it."""
    system = [{"role": "system", "content": "Be brief."}]
    return {"messages": [*system, *says("Hello", "Hello.", f"And {n}?", f"And {n}.")]} | changed


def ultrafeedback(n: int, **changed: Any) -> dict[str, Any]:
    """An instruction with rated answers."""
    return {
        "source": "made up",
        "instruction": f"Do {n}.",
        "completions": [
            {
                "model": f"m{k}",
                "response": f"Done, {n} {k}.",
                "critique": "Fine.",
                "annotations": {"honesty": {"Rating": "N/A" if k else "4", "Rationale": "So."}},
            }
            for k in range(2)
        ],
    } | changed


def argilla(n: int, **changed: Any) -> dict[str, Any]:
    """A record as Argilla's second version writes it."""
    ranks = [{"value": "response-2", "rank": 1}, {"value": "response-1", "rank": 2}]
    return {
        "id": f"record-{n}",
        "status": "completed",
        "fields": {"prompt": f"Which {n}?", "response-1": "This.", "response-2": "That."},
        "metadata": {},
        "suggestions": {"preference": {"value": "response-1", "score": 0.9, "agent": "a model"}},
        "responses": {
            "preference": [{"value": ranks, "user_id": f"user-{n % 3}"}],
            "rating-response-1": [{"value": 2, "user_id": f"user-{n % 3}"}],
        },
    } | changed


def argilla_before(n: int, **changed: Any) -> dict[str, Any]:
    """A record as its first version wrote it."""
    values = {"rating": {"value": 4}, "comment": {"value": "It is fine."}}
    return {
        "fields": {"instruction": f"Do {n}.", "completion": f"Done, {n}."},
        "responses": [
            {"user_id": "ann", "values": values, "status": "submitted"},
            {"user_id": "bob", "values": values, "status": "discarded"},
        ],
        "external_id": f"entry-{n}",
    } | changed


def task(n: int, data: dict[str, Any], *results: dict[str, Any]) -> dict[str, Any]:
    """A task of Label Studio with one annotation and one that was cancelled."""
    annotation = {
        "id": 1000 + n,
        "completed_by": n % 3 + 1,
        "result": [{"id": f"r{k}", "from_name": "it", **each} for k, each in enumerate(results)],
        "was_cancelled": False,
        "created_at": "2024-03-09T22:16:08.728353Z",
        "lead_time": 4.3,
    }
    cancelled = annotation | {"id": 2000 + n, "was_cancelled": True}
    return {
        "id": n + 1, "data": data, "annotations": [annotation, cancelled], "predictions": []
    }  # fmt: skip


def pairwise(n: int, selected: str = "left", **changed: Any) -> dict[str, Any]:
    """A task with two answers of which one was chosen."""
    data = {"prompt": f"Which {n}?", "answer1": "This.", "answer2": "That."}
    chosen = {"type": "pairwise", "to_name": "answer1,answer2", "value": {"selected": selected}}
    return task(n, data, chosen) | changed


def ranker(n: int, order: Any = ("b", "c", "a"), **changed: Any) -> dict[str, Any]:
    """A task whose answers were ranked."""
    items = [{"id": each, "title": f"Model {each}", "body": f"{each}, {n}."} for each in "abc"]
    ranked = {"type": "ranker", "to_name": "results", "value": {"ranker": order}}
    return task(n, {"prompt": f"Which {n}?", "items": items}, ranked) | changed


def rating(n: int, stars: int = 4, **changed: Any) -> dict[str, Any]:
    """A task whose answer was rated, with a comment."""
    stars_of = {"type": "rating", "to_name": "response", "value": {"rating": stars}}
    words = {"type": "textarea", "to_name": "response", "value": {"text": ["It is fine."]}}
    data = {"prompt": f"Do {n}.", "response": f"Done, {n}."}
    return task(n, data, stars_of | {"from_name": "rating"}, words) | changed


FORMATS: dict[str, tuple[Callable[..., Path], str, Callable[..., Any], Sequence[Any], str]] = {
    "battles": (
        table, "battles.csv", battle,
        [battle(3, winner="model_c"), battle(9, model_b=""), battle(15, tstamp="yesterday")],
        "battles of Chatbot Arena",
    ),
    "battles with texts": (
        table, "battles.csv", told_battle,
        [told_battle(3, winner=""), told_battle(9, turn="two"), told_battle(15, model_a="x" * 81)],
        "battles of Chatbot Arena",
    ),
    "battles as lines": (
        lines, "battles.jsonl", arena,
        [arena(3, winner=None), arena(9, conversation_a=[{"role": "wizard", "content": "A"}]), [1]],
        "battles of Chatbot Arena",
    ),
    "prompt, chosen, rejected": (
        lines, "pairs.jsonl", pair,
        [pair(3, rejected=""), pair(9, rejected="This, 9."), pair(15, prompt=None)],
        "pairs of a chosen and a rejected answer",
    ),
    "prompt, chosen, rejected as a table": (
        table, "pairs.csv", pair,
        [pair(3, chosen=""), pair(9, rejected="This, 9."), pair(15, prompt="x" * 20_001)],
        "pairs of a chosen and a rejected answer",
    ),
    "transcripts": (
        lines, "hh.jsonl", transcripts,
        [transcripts(3, rejected="\n\nHuman: Else?\n\nAssistant: No."), transcripts(9, chosen="Hm"),
         transcripts(15, rejected="\n\nHuman: Hello\n\nAssistant:")],
        "pairs of a chosen and a rejected answer",
    ),
    "pairs of conversations": (
        listed, "pairs.json", messages,
        [messages(3, chosen=says("Which 3?")), messages(9, rejected=[]), messages(15, prompt="Else?")],
        "pairs of a chosen and a rejected answer",
    ),
    "preferences of OpenAI": (
        lines, "openai.jsonl", openai_pair,
        [openai_pair(3, input={}), openai_pair(9, preferred_output=[]), openai_pair(15, input="Which?")],
        "preferences as OpenAI trains on them",
    ),
    "conversations of OpenAI": (
        lines, "chat.jsonl", chat,
        [chat(3, messages=says("Hello")), chat(9, messages=says("Hello", "Hi")[1:]), chat(15, messages=[])],
        "conversations as OpenAI trains on them",
    ),
    "UltraFeedback": (
        lines, "ultrafeedback.jsonl", ultrafeedback,
        [ultrafeedback(3, instruction=""), ultrafeedback(9, completions=[]),
         ultrafeedback(15, completions=[{"response": "a", "annotations": {"x": {"Rating": "9"}}}])],
        "ratings as UltraFeedback has them",
    ),
    "Argilla": (
        lines, "argilla.jsonl", argilla,
        [argilla(3, responses={}), argilla(9, fields={"prompt": "Which?"}),
         argilla(15, responses={"preference": [{"value": "response-7", "user_id": "u"}]})],
        "records of Argilla",
    ),
    "Argilla before": (
        listed, "argilla.json", argilla_before,
        [argilla_before(3, responses=[]), argilla_before(9, fields={"completion": "Done."}),
         argilla_before(15, responses=[{"user_id": "a", "values": {"rating": {"value": 9}}}])],
        "records of Argilla",
    ),
    "Label Studio, pairwise": (
        listed, "pairwise.json", pairwise,
        [pairwise(3, "above"), pairwise(9, annotations=[]), pairwise(15, data={"answer1": "This."})],
        "an export of Label Studio",
    ),
    "Label Studio, ranker": (
        listed, "ranker.json", ranker,
        [ranker(3, ["a", "z"]), ranker(9, {"good": ["a"], "bad": ["b"]}), ranker(15, [])],
        "an export of Label Studio",
    ),
    "Label Studio, rating": (
        listed, "rating.json", rating,
        [rating(3, 9), rating(9, annotations=[{"result": [{"type": "rating"}]}]), rating(15, data={})],
        "an export of Label Studio",
    ),
}  # fmt: skip
"""By name: how the file is written, its name, a good row by its number, the three bad ones, what it is read as."""
BAD_AT = (3, 9, 15)


def mixed(name: str, folder: Path) -> Path:
    """A file of twenty rows of a format, three of them bad."""
    write, file, good, bad, _ = FORMATS[name]
    rows = [good(n) for n in range(20)]
    for at, row in zip(BAD_AT, bad, strict=True):
        rows[at] = row
    return write(folder / file, rows)


@pytest.mark.parametrize("name", FORMATS)
def test_of_twenty_rows_three_bad_ones_are_named_and_seventeen_come_in(
    store: Store, tmp_path: Path, name: str
):
    path = mixed(name, tmp_path)
    looked = import_file(store, path, dry=True)
    with store.reading() as connection:
        assert summary.by_source(connection)[Source.IMPORTED].responses == 0, "only looked"
    result = import_file(store, path)
    assert (result.lines, result.failed, result.format) == (17, 3, FORMATS[name][4])
    first = {"lines": 1, "table": 2, "listed": 1}[FORMATS[name][0].__name__]
    assert [error.number for error in result.errors] == [at + first for at in BAD_AT]
    assert all(len(error.message) > 5 for error in result.errors)
    assert looked.words().startswith("Nothing is stored yet. ")
    for what in ("lines", "imported", "skipped", "failed", "errors", "done", "people", "warnings"):
        assert getattr(looked, what) == getattr(result, what), f"the dry run told other {what}"
    assert verify(store) == []
    again = import_file(store, path)
    assert (again.imported, again.skipped, again.lines) == (0, result.imported, 0)
    assert import_file(store, path, dry=True).skipped == result.imported


# --- battles --------------------------------------------------------------------------------------


def test_a_battle_without_texts_is_a_choice_between_versions_and_no_text(
    store: Store, tmp_path: Path
):
    rows = [battle(n, model_a="left", model_b="right") for n in range(4)]
    result = import_file(store, table(tmp_path / "battles.csv", rows))
    assert (result.imported, result.untold, result.warnings) == (8, 4, [])
    assert "4 votes are between versions only" in result.words()
    for kind, export in EXPORTS.items():
        assert lines_of(export(store, EVERYTHING)) == [], f"{kind} have texts only"
    assert amounts(store, EVERYTHING).triplets == 0
    assert taken(store, EVERYTHING).left_out == {"without a text": 8}
    found = [each.line for each in compared_answers(store, EVERYTHING, with_untold=True)]
    assert [(each["choice"], each["best"]) for each in found] == [
        (VoteChoice.BEST, 0), (VoteChoice.BEST, 1), (VoteChoice.TIE, None), (VoteChoice.ALL_BAD, None),
    ]  # fmt: skip
    assert all(each["model_versions"] == ["left", "right"] for each in found)
    assert all(each["responses"] == ["", ""] for each in found)
    assert len({each["person"] for each in found}) == 4
    assert [each["turn"] for each in found] == [1, 2, 1, 2]
    assert str(found[0]["voted_at"]).startswith("2023-11-14 22:13:20.25")


def test_battles_that_are_alike_count_each_and_once(store: Store, tmp_path: Path):
    same = {"model_a": "left", "model_b": "right", "winner": "model_a"}
    path = table(tmp_path / "battles.csv", [same, same, same])
    assert import_file(store, path).imported == 6
    assert len(list(compared_answers(store, EVERYTHING, with_untold=True))) == 3
    assert import_file(store, path).skipped == 6


def test_a_battle_with_texts_is_a_comparison_as_any_other(store: Store, tmp_path: Path):
    rows = [told_battle(0), told_battle(3), told_battle(5, response_a="", response_b=" ")]
    result = import_file(store, table(tmp_path / "battles.csv", rows))
    assert (result.imported, result.untold) == (6, 1)
    first, second = comparisons_of(store)
    assert (first.query, first.responses, first.best) == (
        "Question 0?", ["Answer 0, one.", "Answer 0, two."], 0
    )  # fmt: skip
    assert (second.choice, second.turn) == (VoteChoice.ALL_BAD, 2)
    assert {each.position for each in triplets_of(store)} == {0, 1}, "sides are as they were"


def test_each_side_of_a_battle_keeps_its_own_thread(store: Store, tmp_path: Path):
    assert import_file(store, lines(tmp_path / "arena.jsonl", [arena(0)])).imported == 2
    (found,) = comparisons_of(store)
    assert (found.query, found.responses) == ("And then 0?", ["Then a.", "Then b."])
    assert found.histories is not None
    assert [[each.content for each in thread] for thread in found.histories] == [
        ["Hello 0", "Hello, a."], ["Hello 0", "Hello, b."]
    ]  # fmt: skip


# --- what the others mean -------------------------------------------------------------------------


def test_pairs_are_votes_whose_sides_are_not_known(store: Store, tmp_path: Path):
    rows = [
        transcripts(0),
        pair(1, strength=3),
        messages(2, prompt=says("Before", "Yes.", "Which 2?"), rejected=[says("", "That.")[1]],
                 chosen=[says("", "This.")[1]]),
    ]  # fmt: skip
    assert import_file(store, lines(tmp_path / "pairs.jsonl", rows)).imported == 6
    found = {each.query: each for each in comparisons_of(store)}
    assert set(found) == {"And then?", "Which 1?", "Which 2?"}
    for each in found.values():
        assert each.best is not None
        assert each.responses[each.best].startswith(("Then this", "This"))
    assert [turn.content for turn in found["And then?"].history] == ["Hello 0", "Hello."]
    assert [turn.content for turn in found["Which 2?"].history] == ["Before", "Yes."]
    assert found["Which 1?"].strength == 3
    assert {each.position for each in triplets_of(store)} == {None}


def test_what_is_exported_as_preferences_comes_back_as_such(store: Store, tmp_path: Path):
    import_file(store, lines(tmp_path / "pairs.jsonl", [transcripts(n) for n in range(3)]))
    (tmp_path / "ours.jsonl").write_bytes(b"".join(EXPORTS["preferences"](store, EVERYTHING)))
    other = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    assert import_file(other, tmp_path / "ours.jsonl").lines == 3

    def told(where: Store) -> list[tuple[str, int, str]]:
        return sorted(
            (each.responses[each.best or 0], len(each.history), each.query)
            for each in comparisons_of(where)
        )

    assert told(other) == told(store)
    other.close()


def test_a_conversation_is_its_last_question_and_answer(store: Store, tmp_path: Path):
    parts = [{"role": "user", "content": [{"type": "text", "text": "See?"}]}, says("", "I see.")[1]]
    rows = [chat(0), {"messages": parts}]
    assert import_file(store, lines(tmp_path / "chat.jsonl", rows)).imported == 2
    found = {each.query: each for each in triplets_of(store)}
    assert found["See?"].response == "I see."
    assert found["And 0?"].response == "And 0."
    assert [turn.role for turn in found["And 0?"].history] == ["system", "user", "assistant"]
    assert comparisons_of(store) == []


def test_each_person_who_said_something_of_a_record_counts(store: Store, tmp_path: Path):
    chosen = [
        {"value": "response_2", "user_id": "ann"},
        {"value": "tie", "user_id": "bob"},
        {"value": "response-1", "user_id": "cleo", "status": "draft"},
    ]
    record = argilla(0, responses={"best": chosen, "good": []})
    result = import_file(store, listed(tmp_path / "argilla.json", [record]))
    assert (result.lines, len(result.people)) == (1, 2)
    found = [(each.choice, each.best) for each in comparisons_of(store)]
    assert sorted(found, key=str) == [(VoteChoice.BEST, 1), (VoteChoice.TIE, None)]


def test_a_ranking_of_argilla_and_a_rating_of_one_answer(store: Store, tmp_path: Path):
    assert import_file(store, lines(tmp_path / "argilla.jsonl", [argilla(0)])).failed == 0
    (found,) = comparisons_of(store)
    assert (found.places, found.responses) == ([2, 1], ["This.", "That."])
    rated = {each.response: each.behavior_features.rating for each in triplets_of(store)}
    assert rated == {"This.": 2.0, "That.": None}


def test_label_studio_tells_who_chose_and_when(store: Store, tmp_path: Path):
    rows = [pairwise(0, "right"), ranker(1), rating(2)]
    result = import_file(store, listed(tmp_path / "export.json", rows))
    assert (result.imported, result.failed, len(result.people)) == (6, 0, 3)
    chosen, ranked = sorted(comparisons_of(store), key=lambda each: each.query)
    assert (chosen.best, chosen.voted_at) == (1, "2024-03-09T22:16:08.728000Z")
    assert (ranked.responses, ranked.places) == (["a, 1.", "b, 1.", "c, 1."], [3, 1, 2])
    (rated,) = [each for each in triplets_of(store) if each.query == "Do 2."]
    assert (rated.behavior_features.rating, rated.behavior_features.comment) == (4.0, "It is fine.")


def test_a_list_that_breaks_off_says_where(sqlite_store: Store, tmp_path: Path):
    text = json.dumps([pair(0), pair(1)])
    (tmp_path / "broken.json").write_text(text[:-30], encoding="utf-8")
    result = import_file(sqlite_store, tmp_path / "broken.json")
    assert (result.lines, [str(each) for each in result.errors]) == (
        1, ["record 2: not readable as JSON, nor is what stands behind it"]
    )  # fmt: skip


def test_the_command_looks_first_if_asked_to(tmp_path: Path):
    path, data = mixed("battles", tmp_path), tmp_path / "data"

    def run(*options: str) -> str:
        ran = CliRunner().invoke(cli, ["import", str(path), *options, "--data-dir", str(data)])
        assert ran.exit_code == 0, ran.output
        return " ".join(ran.output.split())

    looked = run("--dry-run")
    assert "Nothing is stored yet. 34 responses would be imported" in looked
    assert "line 5: winner: 'model_c' is none of" in looked
    assert "34 responses imported, 0 known already, 3 lines not taken" in run()


def test_a_table_that_nobody_knows_asks_for_a_mapping(sqlite_store: Store, tmp_path: Path):
    with pytest.raises(BadRecord, match="no format that is known by itself"):
        import_file(sqlite_store, table(tmp_path / "x.csv", [{"a": 1, "b": 2}]))
