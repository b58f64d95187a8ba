"""Schemathesis on the real server: every route, those outside OpenAPI too, by a known person and by strangers."""

from pathlib import Path
from uuid import uuid4

import pytest

from app.people import OPERATOR, give_token
from app.store import Role, Store
from tests.fuzz import description, press
from tests.server import ServerProcess, running_server

EXAMPLES = 6


@pytest.mark.timeout(600)
def test_nothing_that_strangers_or_administrators_send_breaks_a_server_with_accounts(
    tmp_path: Path,
) -> None:
    described = description(tmp_path / "described", team=True)
    server = ServerProcess(tmp_path / "data", models=False)
    server.environment |= {"RLHB_TEAM": "true", "RLHB_INSECURE_HTTP": "true"}
    try:
        server.start()
        store = Store.open(f"sqlite:///{server.data_dir / 'rlhb.sqlite'}")
        with store.writing() as connection:
            _, token = give_token(connection, OPERATOR, "fuzz", Role.ADMINISTRATOR, None)
        store.close()
        address = f"http://127.0.0.1:{server.port}"
        for shown in ("", token):
            assert press(address, described, EXAMPLES, token=shown) == []
        assert server.request("GET", "/api/health")[0] == 200
        assert "Traceback" not in server.log()
        assert token not in server.log()
    finally:
        server.kill()


@pytest.mark.timeout(600)
def test_nothing_that_is_sent_breaks_the_server(tmp_path: Path) -> None:
    described = description(tmp_path / "described")
    with running_server(tmp_path / "data") as server:
        address = f"http://127.0.0.1:{server.port}"
        for cookie in ("", server.cookie(uuid4())):
            assert press(address, described, EXAMPLES, cookie) == []
        assert server.request("GET", "/api/health")[0] == 200
        assert "Traceback" not in server.log()
