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
