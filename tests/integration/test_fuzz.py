"""Schemathesis on the real server: every route, those outside OpenAPI too, by a known person and by strangers."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.fuzz import description, press
from tests.server import running_server

EXAMPLES = 6


@pytest.mark.timeout(600)
def test_nothing_that_is_sent_breaks_the_server(tmp_path: Path) -> None:
    described = description(tmp_path / "described")
    with running_server(tmp_path / "data") as server:
        address = f"http://127.0.0.1:{server.port}"
        for cookie in ("", server.cookie(uuid4())):
            assert press(address, described, EXAMPLES, cookie) == []
        assert server.request("GET", "/api/health")[0] == 200
        assert "Traceback" not in server.log()
