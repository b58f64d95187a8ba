"""For the owner only: folder, database, secret; and no password in any message, log or traceback."""

import logging
import os
import stat
import sys
import traceback
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from app.data_folder import prepare
from app.people import load_secret
from app.settings import SECRETS, Settings
from app.store import Store, StoreError
from rlhb_core.errors import BadConfig
from tests.scene import someone


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_database_and_secret_are_the_owners_whatever_the_umask(tmp_path: Path):
    before = os.umask(0)
    try:
        folder = tmp_path / "data"
        load_secret(folder)
        store = Store.open(f"sqlite:///{folder / 'rlhb.sqlite'}")
        with store.writing() as connection:
            someone(connection)
        modes = {each.name: mode(each) for each in folder.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    assert modes == dict.fromkeys(
        ("cookie-secret", "rlhb.sqlite", "rlhb.sqlite-wal", "rlhb.sqlite-shm"), 384
    )


def test_what_was_open_to_others_is_mended_at_the_start(tmp_path: Path):
    folder = tmp_path / "data"
    load_secret(folder)
    held = Store.open(f"sqlite:///{folder / 'rlhb.sqlite'}")
    for each in (folder, *folder.iterdir()):
        each.chmod(0o777)
    load_secret(folder)
    Store.open(f"sqlite:///{folder / 'rlhb.sqlite'}").close()
    assert mode(folder) == 0o700
    assert {mode(each) for each in folder.iterdir()} == {0o600}
    held.close()


def test_a_folder_that_others_share_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    prepare(shared)
    assert mode(shared) == 0o1777
    here = tmp_path / "here"
    here.mkdir()
    here.chmod(0o755)
    monkeypatch.chdir(here)
    prepare(Path())
    assert mode(here) == 0o755
    prepare(shared / "ours")
    assert (mode(shared / "ours"), mode(shared)) == (0o700, 0o1777)


@pytest.mark.parametrize("secret", ["", "\n", " " * 80, "x" * 31])
def test_a_secret_that_could_be_guessed_is_refused(tmp_path: Path, secret: str):
    (tmp_path / "cookie-secret").write_text(secret)
    with pytest.raises(BadConfig, match="fewer than 32 characters"):
        load_secret(tmp_path)
    (tmp_path / "cookie-secret").unlink()
    assert load_secret(tmp_path) == load_secret(tmp_path)


ADDRESSES = (
    "postgresql://me:geheim@127.0.0.1:1/none",
    "postgresql://me:ge@geheim@127.0.0.1:1/none",
    "postgresql://me:ge@geheim/x@127.0.0.1:1/none",
    "postgresql://me:ge:geheim@127.0.0.1:1/none",
    "postgresql://me:p@host:geheim@127.0.0.1/none",
    "postgresql://me@127.0.0.1:1/none?password=geheim",
    "postgresql://127.0.0.1:1/none?user=me&password=geheim",
    "postgresql://me@127.0.0.1:1/none?sslpassword=geheim&sslmode=require",
    "postgresql://me@127.0.0.1:1/none?passwort=geheim",
    "postgresql://me@127.0.0.1:1/none?sslmode=geheim",
    "postgresql://me@127.0.0.1:geheim/none",
    "postgresql+psycopg2://me:geheim@127.0.0.1:1/none",
    "postgres://me:geheim@/none?host=127.0.0.1&port=1",
    "mysql://me:geheim@127.0.0.1/none",
    "geheim://me@127.0.0.1/none",
    "nonsense geheim",
)


def chain(error: BaseException) -> str:
    """Everything that anybody could print of an error, hidden context and all."""
    found, seen = [], set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        found.append(f"{each!s} {each!r} {getattr(each, 'orig', '')!r}")
        waiting += [each.__cause__, each.__context__]
    return "\n".join([*found, *traceback.format_exception(error)])


@pytest.mark.parametrize("url", ADDRESSES)
def test_no_address_shows_its_password(
    url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    caplog.set_level(logging.DEBUG)
    for opening in (Store.open, Store.look):
        with pytest.raises(StoreError) as caught:
            opening(url)
        logging.getLogger("test").error("it failed", exc_info=caught.value)
        # sslmode is repeated on purpose: it is no secret, and a wrong one must be found
        if "sslmode=geheim" not in url:
            assert "geheim" not in chain(caught.value)
            assert "geheim" not in caplog.text
    printed = capsys.readouterr()
    assert "geheim" not in (printed.out + printed.err) or "sslmode=geheim" in url


@pytest.mark.parametrize("url", [each for each in ADDRESSES if "sslmode=geheim" not in each])
def test_no_command_shows_the_password(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    from app.cli import main

    for words in (["verify"], ["export", "triplets"]):
        monkeypatch.setattr(
            sys, "argv", ["rlhb", *words, "--database-url", url, "--data-dir", str(tmp_path)]
        )
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        assert "geheim" not in f"{left.value.code}{printed.out}{printed.err}"
        assert str(left.value.code).startswith("rlhb: ")


def test_settings_that_are_refused_do_not_show_the_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RLHB_DATABASE_URL", "postgresql://me:geheim@127.0.0.1/none")
    monkeypatch.setenv("RLHB_HOST", "0.0.0.0")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "geheim" not in chain(caught.value)


def test_a_training_process_inherits_no_password():
    assert {"RLHB_DATABASE_URL", "RLHB_REMOTE_API_KEY", "PGPASSWORD"} <= SECRETS


def test_errors_of_an_open_database_do_not_show_its_password(postgres):
    url = postgres.new_store()
    mark = "&" if "?" in url else "?"
    store = Store.open(f"{url}{mark}password=geheim")
    with pytest.raises(sa.exc.DBAPIError) as caught, store.writing() as connection:
        connection.execute(sa.text("SELECT nothing"))
    assert "geheim" not in chain(caught.value)
    assert "geheim" not in repr(store.engine)
    store.close()
