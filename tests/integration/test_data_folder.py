"""One server to a data folder, other commands beside it, and files that vanish: nothing acknowledged is ever lost.

Real processes. What is said of the files is looked up by name or by another process: this one may have them open.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.store import Connection, Lost, Store, StoreError, people, verify
from rlhb_core.schema.records import Person
from tests.kills import kill_beside_commands
from tests.outbox import OutboxClient
from tests.scene import asked, someone
from tests.server import running_server


def rlhb(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words, "--data-dir", str(data_dir)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def crashed(data_dir: Path) -> str:
    """A database whose last writer was killed: what it committed is in the `-wal` alone. Returns the address."""
    url = f"sqlite:///{data_dir / 'rlhb.sqlite'}"
    code = (
        "import os, sys\n"
        "from app.store import Store, people\n"
        "from rlhb_core.schema.records import Person\n"
        "store = Store.open(sys.argv[1])\n"
        "with store.writing() as connection:\n"
        "    people.ensure(connection, Person(display_name='Wanda'))\n"
        "os._exit(9)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, url], check=False)
    assert ran.returncode == 9
    return url


def wal(data_dir: Path) -> tuple[int, int, int]:
    found = (data_dir / "rlhb.sqlite-wal").stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@pytest.mark.timeout(600)
def test_kills_beside_other_commands_lose_nothing(tmp_path: Path):
    found = kill_beside_commands(tmp_path / "data", trials=3)
    assert (found.lost, found.doubled, found.commands) == (0, 0, 3)
    assert found.made > 60
    assert found.refused == found.let_in == found.tripped == found.unsound == []


def test_verify_reads_what_a_killed_process_left_and_leaves_it_as_it_was(tmp_path: Path):
    url = crashed(tmp_path)
    before, main = wal(tmp_path), (tmp_path / "rlhb.sqlite").stat().st_mtime_ns
    assert before[1] > 0
    assert rlhb(tmp_path, "verify").returncode == 0
    assert (wal(tmp_path), (tmp_path / "rlhb.sqlite").stat().st_mtime_ns) == (before, main)
    store = Store.open(url)
    assert verify(store) == []
    store.close()


def test_verify_beside_an_open_store_keeps_its_files_and_sees_its_rows(tmp_path: Path):
    store = Store.open(f"sqlite:///{tmp_path / 'rlhb.sqlite'}")
    with store.writing() as connection:
        someone(connection)
    before = wal(tmp_path)
    ran = rlhb(tmp_path, "verify")
    assert (ran.returncode, wal(tmp_path)) == (0, before), ran.stderr
    with store.writing() as connection:
        person = people.ensure(connection, Person())
    looker = Store.look(f"sqlite:///{tmp_path / 'rlhb.sqlite'}")
    with looker.reading() as connection:
        assert people.find(connection, person.id) is not None
    looker.close()
    store.close()


def test_looking_makes_no_database_and_migrates_none(tmp_path: Path):
    ran = rlhb(tmp_path / "none", "verify")
    assert ran.returncode == 1
    assert "there is no database yet" in ran.stderr
    assert not (tmp_path / "none").exists()


def adding(connection: Connection, persons: Sequence[Person]) -> list[Person | StoreError]:
    return [people.ensure(connection, person) for person in persons]


@pytest.mark.parametrize("what", ["deleted", "replaced", "wal"])
def test_a_store_whose_files_are_gone_says_so_instead_of_storing(tmp_path: Path, what: str):
    folder = tmp_path / "data"
    store = Store.open(f"sqlite:///{folder / 'rlhb.sqlite'}")
    with store.writing() as connection:
        someone(connection)
    if what == "wal":
        (folder / "rlhb.sqlite-wal").unlink()
    else:
        shutil.rmtree(folder)
    if what == "replaced":
        Store.open(f"sqlite:///{folder / 'rlhb.sqlite'}").close()
    for unit in (store.writing, store.reading):
        with pytest.raises(Lost, match="deleted or replaced"), unit():
            pass
    with pytest.raises(Lost):
        asyncio.run(store.together(adding, Person()))
    store.close()


def test_a_file_that_goes_within_a_unit_of_work_is_noticed_before_it_is_acknowledged(
    tmp_path: Path,
):
    folder = tmp_path / "data"
    store = Store.open(f"sqlite:///{folder / 'rlhb.sqlite'}")
    with pytest.raises(Lost), store.writing() as connection:  # noqa: PT012 - within it on purpose
        people.ensure(connection, Person())
        shutil.rmtree(folder)
    store.close()


@pytest.mark.timeout(240)
def test_a_deleted_data_folder_is_told_aloud_and_a_missing_wal_is_noticed(tmp_path: Path):
    data_dir = tmp_path / "data"
    with running_server(data_dir, models=False) as server:
        store = Store.open(f"sqlite:///{data_dir / 'rlhb.sqlite'}")
        with store.writing() as connection:
            person = someone(connection)
            query, (response, *_) = asked(connection, person)
        store.close()
        client = OutboxClient(server, (person, query, response))
        client.start()
        until = time.monotonic() + 60
        while not client.acknowledged and time.monotonic() < until:
            time.sleep(0.01)
        (data_dir / "rlhb.sqlite-wal").unlink()
        ran = rlhb(data_dir, "verify")
        assert ran.returncode == 1
        assert "-wal is missing although a server is live" in ran.stderr
        assert not (data_dir / "rlhb.sqlite-wal").exists(), "verify made a new one"
        status, body = server.request("GET", "/api/health")
        assert status == 503
        assert "deleted or replaced" in json.loads(body)["detail"]
        acknowledged = len(client.acknowledged)
        shutil.rmtree(data_dir)
        until = time.monotonic() + 60
        retries = client.retries
        while client.retries < retries + 3 and time.monotonic() < until:
            time.sleep(0.01)
        assert len(client.acknowledged) == acknowledged
        assert client.refused == []
        data_dir.mkdir()  # where the server's log is looked for
        os.kill(server.process.pid, 0)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["rlhb.sqlite", "rlhb.sqlite-wal"])
def test_no_command_opens_the_database_by_ordinary_means(tmp_path: Path, name: str):
    url = crashed(tmp_path)
    for words in (
        ["import", str(tmp_path / name)],
        ["export", "triplets", "--out", str(tmp_path / name)],
    ):
        ran = rlhb(tmp_path, *words)
        assert ran.returncode == 1
        assert "is the database itself" in ran.stderr
        assert "Traceback" not in ran.stderr
    store = Store.open(url)
    assert verify(store) == []
    store.close()
