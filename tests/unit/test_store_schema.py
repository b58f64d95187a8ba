"""Migrations and `verify`: the schema is what the code says, survives changes, and corruption is found."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from app.store import Connection, Store, behaviors, migrate, queries, signals, verify, versions
from app.store.address import parse_url
from app.store.connection import connect
from app.store.tables import BEHAVIOR, DEPLOYMENT, PERSON, QUERY, RESPONSE, SIGNAL, TableRow
from rlhb_core.schema.records import Outcome
from tests.scene import act, asked, best, someone, version

SECOND = '''
"""A later step, as one might come: a column, an index, a longer type, a column that must not be empty."""

import sqlalchemy as sa
from alembic import op

revision = "later"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("query") as query:
        query.add_column(sa.Column("language", sa.String(20), nullable=False, server_default="en"))
        query.create_index("ix_query_language", ["language"])
    with op.batch_alter_table("person") as person:
        person.alter_column("display_name", type_=sa.String(200), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("person") as person:
        person.alter_column("display_name", type_=sa.String(80), existing_nullable=False)
    with op.batch_alter_table("query") as query:
        query.drop_index("ix_query_language")
        query.drop_column("language")
'''


def filled(store: Store) -> Store:
    """The store with a little of everything."""
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, _) = asked(connection, person)
        signals.record(connection, person.id, [act("like", query, a), best(query, b)])
        versions.deploy(connection, [version(connection).id])
    behaviors.refresh(store)
    return store


def amounts(url: str) -> dict[str, int]:
    engine = connect(parse_url(url))
    with engine.connect() as connection:
        found = {
            name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in TableRow.metadata.tables.items()
        }
    engine.dispose()
    return found


# --- migrations -----------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_of_the_code(database_url: str):
    Store.open(database_url).close()
    migrate.check(parse_url(database_url))


def test_going_back_to_nothing_and_forth_again(database_url: str):
    Store.open(database_url).close()
    migrate.downgrade(parse_url(database_url), "base")
    store = Store.open(database_url)
    assert verify(filled(store)) == []
    store.close()


def test_rows_survive_a_later_migration_and_its_way_back(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    filled(Store.open(database_url)).close()
    before = amounts(database_url)
    later = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, later)
    (later / "versions" / "later.py").write_text(SECOND)
    address = parse_url(database_url)
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "MIGRATIONS", later)
        migrate.upgrade(address)
        assert amounts(database_url) == before
        migrate.downgrade(address, "-1")
    assert amounts(database_url) == before
    migrate.check(address)
    store = Store.open(database_url)
    assert verify(store) == []
    store.close()


def test_a_migration_that_breaks_off_leaves_everything_as_it_was(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    filled(Store.open(database_url)).close()
    later = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, later)
    broken = SECOND.replace(
        "\n\n\ndef downgrade", "\n    raise ZeroDivisionError\n\n\ndef downgrade"
    )
    (later / "versions" / "later.py").write_text(broken)
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "MIGRATIONS", later)
        with pytest.raises(ZeroDivisionError):
            migrate.upgrade(parse_url(database_url))
    migrate.check(parse_url(database_url))
    store = Store.open(database_url)
    assert verify(store) == []
    store.close()


def test_processes_that_start_at_once_all_find_the_schema(database_url: str):
    code = "import sys; from app.store import Store; Store.open(sys.argv[1]).close()"
    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", code, database_url], stderr=-1)
        for _ in range(3)
    ]
    for process in started:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    store = Store.open(database_url)
    assert verify(store) == []
    store.close()


def test_sqlite_is_set_up_to_keep_its_promises(sqlite_store: Store):
    def pragma(name: str) -> object:
        with sqlite_store.writing() as connection:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()

    found = {name: pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert pragma("secure_delete") == 1


# --- verify ---------------------------------------------------------------------------------------


def test_a_sound_store_has_no_problems(store: Store):
    assert verify(store) == []
    assert verify(filled(store)) == []


def dangling(connection: Connection) -> None:
    connection.execute(sa.delete(QUERY))


def lost_version(connection: Connection) -> None:
    connection.execute(sa.update(DEPLOYMENT).values(served=[str(uuid4())]))


def stolen_signal(connection: Connection) -> None:
    other = someone(connection)
    connection.execute(sa.update(SIGNAL).values(person_id=other.id))


def stolen_behavior(connection: Connection) -> None:
    other = someone(connection)
    connection.execute(sa.update(BEHAVIOR).values(person_id=other.id))


def astray(connection: Connection) -> None:
    _, (elsewhere, *_) = asked(connection, someone(connection))
    about = SIGNAL.c.response_id.is_not(None)
    connection.execute(sa.update(SIGNAL).where(about).values(response_id=elsewhere.id))


def bad_payload(connection: Connection) -> None:
    connection.execute(
        sa.update(SIGNAL).where(SIGNAL.c.kind == "vote").values(payload={"choice": 1})
    )


def bad_features(connection: Connection) -> None:
    connection.execute(sa.update(BEHAVIOR).values(features=json.dumps({"liked": "perhaps"})))


def never_finished(connection: Connection) -> None:
    connection.execute(sa.update(RESPONSE).values(outcome=Outcome.PENDING))


@pytest.mark.parametrize(
    ("damage", "check", "says"),
    [
        (dangling, "references", "name a query that is not there"),
        (lost_version, "deployments", "model version that is not there"),
        (stolen_signal, "ownership", "another person's query"),
        (stolen_behavior, "ownership", "another person's name"),
        (astray, "ownership", "a response to another query"),
        (bad_payload, "payloads", "1 signals no longer parse; the first: vote: choice"),
        (bad_features, "features", "behaviours no longer parse"),
        (never_finished, "responses", "3 responses were never finished"),
    ],
)
def test_damage_is_found_and_named(
    store: Store, damage: Callable[[Connection], None], check: str, says: str
):
    filled(store)
    unchecked = connect(store.engine.url, use="migrating")  # foreign keys off, as after a crash
    with unchecked.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        damage(connection)
    unchecked.dispose()
    assert any(p.check == check and says in p.message for p in verify(store)), verify(store)


def test_a_schema_that_is_behind_is_found(store: Store):
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    (problem,) = verify(store)
    assert problem.check == "schema"
    assert "0000" in problem.message


def test_a_missing_table_is_found(store: Store):
    with store.writing() as connection:
        connection.exec_driver_sql("DROP TABLE behavior")
    (problem,) = verify(store)
    assert "behavior" in problem.message


def test_a_damaged_file_is_found(tmp_path: Path):
    path = tmp_path / "test.sqlite"
    store = Store.open(f"sqlite:///{path}")
    with store.writing() as connection:
        person = someone(connection)
        for number in range(200):
            queries.add(connection, asked(connection, person, f"{number} " * 50, ())[0])
    store.close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    index = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_query_created_ms'"
    (root,), (size,) = raw.execute(index).fetchone(), raw.execute("PRAGMA page_size").fetchone()
    raw.close()
    content = bytearray(path.read_bytes())
    content[(root - 1) * size + 12 : root * size] = bytes(size - 12)
    path.write_bytes(content)
    store = Store.open(f"sqlite:///{path}")
    assert "file" in {problem.check for problem in verify(store)}
    store.close()


def test_the_schema_has_a_table_for_every_noun():
    assert set(TableRow.metadata.tables) == {
        "person",
        "query",
        "response",
        "signal",
        "behavior",
        "version",
        "deployment",
        "run",
        "account",
        "session",
        "invitation",
        "token",
        "audit",
        "consent",
        "consent_text",
        "draft",
        "guess",
        "study",
        "guidelines",
        "item",
        "prepared",
        "assignment",
    }
    assert PERSON.c.created_ms.type.__class__ is sa.BigInteger
