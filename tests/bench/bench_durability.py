"""Twenty kills of a real server (SIGKILL) on each database, beside `verify`, `export` and `simulate`, clients sending.

Whatever was acknowledged must be there, once; a second server on the same folder is refused; the database is sound.
"""

import tempfile
from pathlib import Path
from typing import Any

from tests.bench.run import row
from tests.conftest import running_postgres
from tests.kills import Outcome, kill_beside_commands

TRIALS = 20
CLIENTS = 5


def rows() -> list[dict[str, Any]]:
    """Signals that the kills lost or doubled; both must be 0. What else went wrong is an error that says what."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = kill_beside_commands(Path(folder), TRIALS, CLIENTS)
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        url = server.new_database()
        postgres = kill_beside_commands(Path(folder), TRIALS, CLIENTS, database_url=url)
    return _rows(sqlite, "") + _rows(postgres, "_postgres")


def _rows(found: Outcome, suffix: str) -> list[dict[str, Any]]:
    if wrong := found.refused + found.let_in + found.tripped + found.unsound:
        raise RuntimeError("\n".join(wrong))
    return [
        row(f"signals_lost_in_20_kills{suffix}", found.lost, "signals"),
        row(f"signals_doubled_in_20_kills{suffix}", found.doubled, "signals"),
        row(f"signals_made_in_20_kills{suffix}", found.made, "signals"),
        row(f"commands_beside_20_kills{suffix}", found.commands, "commands"),
    ]
