"""What is exported and trained on, of a store made by simulated people and a person who does all that can go wrong.

Every line of every export is read back: no pair of equal texts, no contradictory label, no unblinded vote.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.files import EXPORTS, DataFilter, import_jsonl, write_lines
from app.store import Store, behaviors, verify
from app.store.tables import SIGNAL
from rlhb_core.run.data import load_split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.schema.answers import failed
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import absolute, parse, preference_score
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.record import read_jsonl
from rlhb_core.schema.records import Comparison, Outcome, Source, Triplet
from rlhb_core.teachers.preference.stage import labels, pairs
from tests.integration.test_blind import Story

ALL = DataFilter(sources=frozenset(Source), with_people=True)
QUERIES = 16


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Simulated people by `rlhb simulate`, then one person, then an import of what nobody should believe."""
    folder = tmp_path_factory.mktemp("true")
    command = ["simulate", "--queries", str(QUERIES), "--people", "3", "--data-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    store = Store.open(f"sqlite:///{folder / 'rlhb.sqlite'}")
    a_person_does_everything(store)
    import_jsonl(store, unbelievable())
    yield store
    store.close()


def a_person_does_everything(store: Store) -> None:
    changed = Story(store)  # votes, reads the names, undoes, votes otherwise; likes by name
    a, b, c = changed.answers
    changed.did(changed.act("dwell", a, ms=2_000), changed.act("like", b), changed.vote(a))
    changed.did(changed.withdrawn(), changed.act("like", b, on=False))
    again = changed.regenerated(c, "Written with names in view.")
    changed.did(changed.act("like", again), changed.act("dislike", a), changed.vote(again))
    changed.did(changed.act("edit", b, text="Edited by name."))
    for _ in range(2):
        same = Story(
            store, "Lima.", "Quito.", " Lima."
        )  # equal answers, like for one, vote for the other
        same.did(same.act("dislike", same.answers[0]), same.vote(same.answers[2]))
        alike = Story(store, "Lima.", "Lima.", "Lima.")
        alike.did(alike.vote(alike.answers[1]))
    failing = Story(store, "Lima.", "Quito.", "half")  # chosen before it failed
    failing.finish(failing.answers[2], "half", Outcome.PENDING)
    failing.did(failing.act("vote", choice="best", best=str(failing.answers[2].id), early=True))
    failing.finish(failing.answers[2], "half", Outcome.ERROR)
    passed = Story(store, "Lima.", "Quito.", "half")  # one failed, one was cut
    passed.finish(passed.answers[2], "", Outcome.ERROR)
    passed.finish(passed.answers[1], "Quito is the", Outcome.CUT)
    passed.did(passed.act("dislike", passed.answers[2]), passed.vote(passed.answers[0]))
    passed.did(passed.withdrawn())
    passed.did(passed.vote(passed.answers[1]))
    edits = Story(store, "Lima.", "Lima", "Quito.")
    edits.did(
        edits.act("edit", edits.answers[0], text="Lima, Peru."),
        edits.act("edit", edits.answers[2], text=" Quito. "),
        edits.act("critique", edits.answers[1], text="short", tags=["clear"]),
        edits.vote(edits.answers[0]),
    )


def unbelievable() -> list[bytes]:
    """Lines as an older release wrote them: equal answers of which one won, an empty and a failed one that won."""
    lines = []
    for number, answers in enumerate(
        (
            [("Lima.", "ok", "won"), ("Lima.", "ok", "lost"), ("Quito.", "ok", "lost")],
            [("", "empty", "won"), ("Lima.", "ok", "lost")],
            [("half", "error", "won"), ("Lima.", "ok", "lost"), ("Quito.", "ok", "lost")],
        )
    ):
        for place, (text, outcome, vote) in enumerate(answers):
            line = {
                "verbaliser_version": 1,
                "query_id": f"00000000-0000-4000-8000-{number:012d}",
                "response_id": f"00000000-0000-4000-9000-{number * 10 + place:012d}",
                "query": "Peru?",
                "response": text,
                "behavior_text": "The reader chose it as the best."
                if vote == "won"
                else "The reader chose another answer.",
                "behavior_features": {"vote": vote},
                "outcome": outcome,
                "source": "real",
                "asked_at": "2026-01-02T03:04:05Z",
                "answered_at": "2026-01-02T03:04:06Z",
            }
            lines.append(json.dumps(line).encode())
    return lines


def rows(store: Store, kind: str, chosen: DataFilter = ALL) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(EXPORTS[kind](store, chosen)).splitlines()]


def test_no_exported_pair_has_equal_texts(lived_in: Store) -> None:
    for chosen in (ALL, ALL.model_copy(update={"with_unblinded": True})):
        found = rows(lived_in, "preferences", chosen)
        assert {line["from"] for line in found} == {"vote", "edit"}
        for line in found:
            (better,), (worse,) = line["chosen"], line["rejected"]
            assert better["content"].strip()
            assert better["content"].strip() != worse["content"].strip()
        for line in rows(lived_in, "comparisons", chosen):
            texts = [text.strip() for text in line["responses"]]
            assert len(texts) == len(set(texts)) == len(line["model_versions"]) > 1
            assert line["choice"] != "best" or texts[line["best"]]


def test_no_answer_has_two_labels_and_none_that_failed_has_one(lived_in: Store) -> None:
    found = rows(lived_in, "labels")
    keys = [(x["prompt"][0]["content"], x["completion"][0]["content"]) for x in found]
    assert len(keys) == len(set(keys)) > QUERIES / 2
    assert not {text for _, text in keys} & {"half", "Written with names in view."}
    told: dict[tuple[str, str], list[float]] = {}
    for line in rows(lived_in, "triplets"):
        if not failed(Outcome(line["outcome"]), line["response"]):
            key = line["query"].strip(), line["response"].strip()
            said = absolute(parse(line["behavior_text"]))
            told.setdefault(key, []).append(preference_score(said))
    for line, key in zip(found, keys, strict=True):
        assert any((score > 0) == line["label"] for score in told[key] if score)


def test_no_vote_rests_on_names_in_view(lived_in: Store) -> None:
    for kind in ("triplets", "comparisons"):
        assert not any(line["unblinded"] for line in rows(lived_in, kind))
    with lived_in.reading() as connection:
        open_queries = {
            str(query_id)
            for query_id, unblinded in connection.execute(
                SIGNAL.select().with_only_columns(SIGNAL.c.query_id, SIGNAL.c.unblinded)
            )
            if unblinded
        }
    assert len(open_queries) == 2, "the person's, none of the simulated people's"
    voted = {line["query_id"] for line in rows(lived_in, "comparisons")}
    assert not open_queries & voted
    asked_for = rows(lived_in, "comparisons", ALL.model_copy(update={"with_unblinded": True}))
    assert {line["query_id"] for line in asked_for if line["unblinded"]} == open_queries
    text = b"".join(b"".join(export(lived_in, ALL)) for export in EXPORTS.values())
    assert b"Edited by name" not in text
    assert b"names in view" not in text
    assert b"Lima, Peru." in text


def test_training_on_it_sees_no_equal_pair_and_no_two_labels(
    lived_in: Store, tmp_path: Path
) -> None:
    for kind in ("triplets", "comparisons"):
        write_lines(tmp_path / f"{kind}.jsonl", EXPORTS[kind](lived_in, ALL))
    triplets = list(read_jsonl(tmp_path / "triplets.jsonl", Triplet))
    comparisons = list(read_jsonl(tmp_path / "comparisons.jsonl", Comparison))
    assert all(c.best is None or c.choice is VoteChoice.BEST for c in comparisons)
    for arm in (Arm.DPO, Arm.KTO):
        few = {
            "data.min_triplets": 8,
            "data.min_comparisons": 8,
            "data.clauses": ("reaction", "vote"),
        }
        split = load_split(load_recipe(arm.value, few), triplets, comparisons)
        for votes in (split.train_votes, split.held_out_votes):
            assert votes
            for example, _ in pairs(votes):
                assert example["chosen"].strip() != example["rejected"].strip()
        seen: dict[tuple[str, str], bool] = {}
        for example, _ in labels(split.train + split.held_out):
            key = example["prompt"].strip(), example["completion"].strip()
            assert seen.setdefault(key, example["label"]) == example["label"]
        assert not any(
            row.response == "Quito is the" and row.ended for row in split.train + split.held_out
        )


def test_the_store_is_sound(lived_in: Store) -> None:
    behaviors.refresh(lived_in)
    assert verify(lived_in) == []
