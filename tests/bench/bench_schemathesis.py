"""Schemathesis for longer than the test does, on SQLite and on Postgres: requests that were answered with 5xx."""

import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.bench.run import row
from tests.conftest import running_postgres
from tests.fuzz import description, press
from tests.server import running_server

EXAMPLES = 150


def rows() -> list[dict[str, Any]]:
    """Faults in all, known person and strangers; must be 0."""
    with tempfile.TemporaryDirectory() as folder, running_postgres() as postgres:
        described = description(Path(folder) / "described")
        faults: list[str] = []
        for name, url in (("sqlite", ""), ("postgres", postgres.new_store())):
            with running_server(Path(folder) / name, url) as server:
                for cookie in ("", server.cookie(uuid4())):
                    address = f"http://127.0.0.1:{server.port}"
                    faults += press(address, described, EXAMPLES, cookie)
    print("\n".join(faults))
    return [row("schemathesis_5xx", len(faults), "requests")]
