"""Whoever is erased is gone from every file of the data folder, byte by byte; what others said stays."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import torch
from fastapi.testclient import TestClient

from app.main import create_app
from app.runs import erasure
from app.runs.training import ERASED
from app.settings import Settings
from app.store import (
    Connection,
    DataFilter,
    Draft,
    Store,
    behaviors,
    drafts,
    exports,
    imports,
    runs,
    signals,
    traces,
)
from rlhb_core.run.folder import RunDir
from rlhb_core.run.recipe import parse_config
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.history import with_turn
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Outcome, Person, Query, Run, RunStatus, Source, Triplet
from tests.scene import act, asked, best, someone

MINE = 'Does my "Zwölfender" rival ✓ snore?\nAnd why, Wilhelmine?'
COMMENT = "My cousin Kunigunde would never say so."
NOTE = "Kunigunde would have marked this, too."
EDIT = "In truth Kunigunde's donkey \\ snores."
NAME = "Wilhelmine Müller"
EARLIER = "Which donkey of Kunigunde is the eldest?"
SHARED = "How many moons has the planet Mars?"
SECRETS = ("Zwölfender", "Wilhelmine", "Kunigunde", "rival ✓ snore", "donkey")


def found(folder: Path, *texts: str) -> list[str]:
    """Files that hold one of the texts in any form. Another process looks: this one has the database open."""
    forms = {
        form
        for text in texts
        for form in (text, json.dumps(text)[1:-1], repr(text)[1:-1], ascii(text)[1:-1])
    }
    code = (
        "import json, os, sys\n"
        "folder, forms = json.load(sys.stdin)\n"
        "for root, _, names in os.walk(folder):\n"
        "    for name in names:\n"
        "        content = open(os.path.join(root, name), 'rb').read()\n"
        "        for form in forms:\n"
        "            for how in ('utf-8', 'utf-16-le'):\n"
        "                if form.encode(how) in content: print(os.path.join(root, name), ascii(form))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([str(folder), sorted(forms)]), text=True, capture_output=True, check=True,
    )  # fmt: skip
    return ran.stdout.splitlines()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(Settings(data_dir=tmp_path / "data"))
    with_app = TestClient(app, base_url="http://127.0.0.1")
    yield with_app
    app.state.store.close()


def store_of(client: TestClient) -> Store:
    found: Store = client.app.state.store  # type: ignore[attr-defined]
    return found


def live(connection: Connection) -> Person:
    """A person who asks, comments, edits and votes, much of it; others beside them."""
    person = someone(connection, display_name=NAME)
    for number in range(60):
        text = (
            MINE
            if number % 7 == 0
            else f"{MINE} For the {number}th time: {'Kunigunde ' * (number * 9)}"
        )
        query, (a, b, _) = asked(
            connection, person, text=text, answers=(f"Zwölfender {number}", "No.", "Yes.")
        )
        signals.record(
            connection,
            person.id,
            [
                act("critique", query, a, tags=[], text=f"{COMMENT} {number}"),
                act("edit", query, b, text=EDIT),
                act("mark", query, a, mark=str(query.id), start=0, end=5, quality="bad", note=NOTE),
                best(query, b),
            ],
        )  # fmt: skip
        other = someone(connection)
        asked(
            connection,
            other,
            text=f"Number {number}: what is the capital of Peru? {'Lima ' * number}",
        )
    before = with_turn([], EARLIER, "The one called Wilhelmine.")
    query, (one, *_) = asked(connection, person, text="Is it that one?", history=before)
    signals.record(connection, person.id, [best(query, one)])
    asked(connection, person, text=SHARED)
    asked(connection, someone(connection), text=SHARED)
    return person


def trained(client: TestClient, name: str, status: RunStatus, by: Source = Source.REAL) -> RunDir:
    """A run that learned from what is stored, and wrote of it what runs write."""
    from app.files import comparison_lines, triplet_lines, write_lines

    store = store_of(client)
    run = RunDir.create(
        client.app.state.settings.runs_dir / name,  # type: ignore[attr-defined]
        parse_config({"arm": "rlhb"}),
    )
    chosen = DataFilter(sources=frozenset({by}), with_people=True)
    write_lines(run.path / "data" / "triplets.jsonl", triplet_lines(store, chosen))
    write_lines(run.path / "data" / "comparisons.jsonl", comparison_lines(store, chosen))
    for step in (1, 2):
        run.append_metrics("ppo", step, step, {"objective/kl": 0.5})
        run.append_samples(
            step,
            [
                {"query": MINE, "behavior": "liked", "response": "It does."},
                {"query": SHARED, "behavior": "liked", "response": "Two."},
                {"query": "Lima?", "behavior": "", "response": f"You asked: {MINE}"},
                {"query": "Lima?", "behavior": "", "response": f"Before that: {EARLIER}"},
            ],
        )  # fmt: skip
    run.finish(
        {
            "verdict": {"word": "converged", "sentence": "It did.", "checks": []},
            "samples": [
                {"query": MINE, "before": "No.", "after": "Yes."},
                {"query": "Lima?", "before": "No.", "after": EDIT},
                {"query": "Lima?", "before": "No.", "after": NOTE},
                {"query": SHARED, "before": "One.", "after": "Two."},
            ],
        }
    )
    run.write_answers({"sft": [f"{MINE}!", "Two."], "rlhb": ["Well.", "Two."]})
    if status is not RunStatus.DONE:
        (run.path / "done.json").unlink()
    run.checkpoint.mkdir()
    torch.save({"replay": [MINE, SHARED]}, run.checkpoint / "state.pt")
    run.log.write_text(f"INFO one\nERROR {MINE!r} broke\nERROR {json.dumps(MINE)} broke\nlast\n")
    (run.path / "data" / ".triplets.jsonl.part").write_text(json.dumps({"query": MINE}))
    with store.writing() as connection:
        runs.add(connection, Run(arm=Arm.RLHB, recipe="rlhb", folder=str(run.path), status=status))
    return run


def erase(client: TestClient, person: UUID) -> dict[str, object]:
    cookie = client.app.state.people.identities.cookie_for(person)  # type: ignore[attr-defined]
    answer = client.post(
        "/api/me/erase", json={"confirm": True}, headers={"cookie": f"rlhb_person={cookie}"}
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.json()
    return told


def test_nothing_of_an_erased_person_is_in_any_file(client: TestClient, tmp_path: Path):
    store = store_of(client)
    with store.writing() as connection:
        person = live(connection)
        elsewhere = someone(connection, Source.SIMULATED)
        asked(connection, elsewhere, text="What is the capital of Bolivia?")
    behaviors.refresh(store)
    run = trained(client, "theirs", RunStatus.STOPPED)
    assert len(found(tmp_path / "data" / "runs" / "theirs", *SECRETS)) > 5
    assert erase(client, person.id)["pending"] == ""
    assert found(tmp_path, *SECRETS, str(person.id), person.id.hex) == []
    # What others said is still there, in the database and in the run.
    with store.reading() as connection:
        chosen = DataFilter(sources=frozenset(Source))
        left = {row.query for block in exports.triplets(connection, chosen) for row in block}
    assert SHARED in left
    assert "What is the capital of Bolivia?" in left
    assert {row["query"] for row in run.samples()} == {SHARED}
    assert [each["query"] for each in (run.result() or {})["samples"]] == [SHARED]
    assert run.answers() == {"sft": [erasure.GONE, "Two."], "rlhb": ["Well.", "Two."]}
    assert SHARED in {each.query for each in run.triplets()}
    assert len(run.metrics()) == 2
    assert not (run.checkpoint / "state.pt").exists()
    assert run.log.read_text().startswith("INFO one\n")
    assert run.log.read_text().endswith("last\n")


def test_imports_and_simulated_people_stay_when_someone_is_erased(client: TestClient):
    store = store_of(client)
    with store.writing() as connection:
        person = someone(connection)
        asked(connection, person, text=MINE)
        simulated = someone(connection, Source.SIMULATED)
        asked(connection, simulated, text=MINE)
        imported = imports.Item(
            person=Person(id=imports.UNNAMED[Source.IMPORTED], source=Source.IMPORTED),
            query=Query(
                person_id=imports.UNNAMED[Source.IMPORTED], text=MINE, source=Source.IMPORTED
            ),
            answers=[
                imports.Answer(
                    id=UUID(int=7), version_id=UUID(int=8), model="other", arm=None, text="No.",
                    outcome=Outcome.OK, position=0, draw_probability=None, condition=None,
                    created_ms=now_ms(),
                )
            ],
        )  # fmt: skip
        assert imports.add(connection, [imported]) == [1]
    behaviors.refresh(store)
    before = told(store)
    erase(client, person.id)
    assert told(store) == [line for line in before if line[1] is not Source.REAL]
    assert [line[0] for line in told(store)] == [MINE] * 4


def told(store: Store) -> list[tuple[str, Source]]:
    with store.reading() as connection:
        chosen = DataFilter(sources=frozenset(Source))
        rows = [row for block in exports.triplets(connection, chosen) for row in block]
    return sorted((row.query, Source(row.source)) for row in rows)


def test_a_run_that_trains_on_them_is_ended_and_can_go_on(client: TestClient):
    store = store_of(client)
    with store.writing() as connection:
        person = live(connection)
    run = trained(client, "going", RunStatus.RUNNING)
    command = [sys.executable, "-c", "import time; time.sleep(600)", str(run.path)]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            with store.writing() as connection:
                (row,) = runs.all(connection)
                going = row.model_copy(update={"pid": process.pid})
                runs.update(connection, going, was=RunStatus.RUNNING)
            erase(client, person.id)
            assert process.wait(10) < 0
        finally:
            process.kill()
    with store.reading() as connection:
        (row,) = runs.all(connection)
    assert (row.status, row.pid, row.error) == (RunStatus.INTERRUPTED, None, ERASED)
    assert client.get("/api/runs").json()[0]["error"] == ERASED
    assert all(isinstance(each, Triplet) for each in run.triplets())


def test_a_reader_in_the_way_is_told_and_it_is_done_once_he_has_gone(
    client: TestClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(traces, "PAUSE_S", 0.05)
    store = store_of(client)
    monkeypatch.setattr(store, "empty_wal", lambda: Store.empty_wal(store, patience_ms=50))
    with store.writing() as connection:
        person = live(connection)
    with store.reading() as connection:
        list(exports.triplets(connection, DataFilter()))
        assert "within minutes" in str(erase(client, person.id)["pending"])
        assert found(tmp_path, *SECRETS) != []
    for thread in threading.enumerate():
        if thread.name == "traces":
            thread.join(60)
    assert "now gone from the database's files" in caplog.text
    assert found(tmp_path, *SECRETS) == []


def test_what_others_have_of_the_same_words_is_no_trace(
    client: TestClient, caplog: pytest.LogCaptureFixture
):
    """A draft, an item and an answer of the same words stay, and the database is not written anew for them."""
    caplog.set_level(logging.INFO)
    store = store_of(client)
    words = "Which of the two moons of Mars is the larger one, by how much?"
    with store.writing() as connection:
        person, other = someone(connection), someone(connection)
        asked(connection, person, words)
        asked(connection, other, "Say it again.", (words, "No."))
        drafts.keep(connection, other.id, Draft(about="question", text=words, written_ms=now_ms()))
    assert not erase(client, person.id)["pending"]
    assert "anew" not in caplog.text
    with store.reading() as connection:
        assert drafts.of_person(connection, other.id)[0].text == words


def test_on_postgres_the_rows_go_and_the_answer_says_that_files_are_not_ours(
    postgres, tmp_path: Path
):
    app = create_app(Settings(data_dir=tmp_path, database_url=postgres.new_store()))
    with app.state.store.writing() as connection:
        person = live(connection)
    assert "operator's backups" in str(
        erase(TestClient(app, base_url="http://127.0.0.1"), person.id)["pending"]
    )
    with app.state.store.reading() as connection:
        assert traces.marks_of(connection, person.id) == {person.id.hex.encode()}
    app.state.store.close()
