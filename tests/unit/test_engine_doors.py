"""The model process listens to programs: no page of the web can have it load a file or write for it."""

import pytest
from starlette.testclient import TestClient

from app.engine.options import EngineOptions
from app.engine.server import create_engine

ROUTES = (
    ("GET", "/health"),
    ("GET", "/v1/models"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/load_lora_adapter"),
    ("POST", "/v1/unload_lora_adapter"),
)


def status(method: str, path: str, listen: str, key: str | None = None, **headers: str) -> int:
    engine = create_engine(EngineOptions(base="embedded", listen=listen), key)
    client = TestClient(engine, base_url="http://127.0.0.1:7870")  # no model: it is not started
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        return client.request(method, path, content=b"{}", headers=sent).status_code
    except AttributeError:  # got in as far as the model
        return 200


TCP = "http://127.0.0.1:7870"


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example", "content_type": "text/plain"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:7860"},
        {"sec_fetch_site": "cross-site"},
        {"host": "evil.example:7870"},
        {"host": "[::1"},
        {"host": ""},
    ],
)
def test_no_page_is_answered(method: str, path: str, headers: dict[str, str]) -> None:
    assert status(method, path, TCP, **headers) == 403


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_programs_are_answered(method: str, path: str) -> None:
    for host in ("127.0.0.1:7870", "localhost:7870", "[::1]:7870"):
        assert status(method, path, TCP, host=host) != 403
    assert status(method, path, "unix:/tmp/x/models", host="models") != 403
    known = status(method, path, TCP, key="k", host="gpu.example", authorization="Bearer k")
    assert known not in (401, 403)
    if path != "/health":
        assert status(method, path, TCP, key="k") == 401
