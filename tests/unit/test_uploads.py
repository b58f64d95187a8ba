"""Files come in by one route only: streamed, bounded, of three kinds, with plain names; and nothing is left of them."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.files import import_file
from app.main import create_app
from app.settings import Settings
from app.store import Store
from app.transfers import Uploads, sorted_out
from app.transfers.uploads import MOST_AT_ONCE
from rlhb_core.errors import BadConfig

MOST = 50_000
CSV = b"id,question,first,second,best\n1,Who?,Me.,You.,1\n2,Where?,Here.,There.,2\n"
MAPPING = b"""
name = "small"
query = "question"
query_id = "id"
preference = "best"
choices = {"1" = 1, "2" = 2}
answers = [{text = "first"}, {text = "second"}]
"""
JOINED = MAPPING + b'[joined]\nfile = "%s"\nquery = "id"\nanswer = "n"\ndwell_ms = "ms"\n'


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    async def built() -> FastAPI:
        folder = tmp_path_factory.mktemp("data")
        return create_app(Settings(data_dir=folder, max_upload_bytes=MOST))

    return asyncio.run(built())


@pytest.fixture(scope="module")
def running(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1:7860") as client:
        yield client


@pytest.fixture
def client(running: TestClient) -> Iterator[TestClient]:
    yield running
    assert list(Path(running.app.state.settings.uploads_dir).glob("*")) == []  # type: ignore[attr-defined]


def send(client: TestClient, *files: tuple[str, bytes], **headers: str) -> Any:
    return client.post(
        "/api/data/import",
        files=[("files", (name, content)) for name, content in files],
        headers=headers,
    )


def test_a_table_with_its_mapping_and_the_joined_file(client: TestClient) -> None:
    readings = ("readings.csv", b"id,n,ms\n1,1,4000\n1,2,9000\n")
    answer = send(client, ("a.csv", CSV), ("m.toml", JOINED % b"readings.csv"), readings)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["imported"], answer.json()["failed"]) == (4, 0)
    assert client.get("/api/data/summary").json()["imported"]["votes"] == 2
    lines = client.get("/api/data/triplets.jsonl?source=imported").text
    assert '"dwell_ms":9000' in lines.replace(" ", "")


def test_bad_lines_are_named(client: TestClient) -> None:
    answer = send(client, ("a.jsonl", b"{broken\n" * 60))
    assert answer.status_code == 200
    told = answer.json()
    assert (told["failed"], len(told["bad_lines"])) == (60, 50)
    assert told["bad_lines"][0]["number"] == 1
    assert "60 lines not taken" in told["sentence"]


@pytest.mark.parametrize(
    "name",
    [
        "a.pdf",
        "../a.jsonl",
        "/etc/a.jsonl",
        "a/b.csv",
        "a\\b.csv",
        ".jsonl",
        "",
        "x" * 300 + ".csv",
        "..csv",
    ],
)
def test_only_plain_names_of_four_kinds(name: str, client: TestClient) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="'
        + name.replace("\\", "\\\\").encode()
        + b'"\r\n\r\n{}\r\n--x--\r\n'
    )
    kind = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/data/import", content=body, headers=kind)
    assert answer.status_code == 422
    assert "plain names" in answer.json()["detail"]


@pytest.mark.parametrize(
    "file", ["/etc/passwd", "../secret.csv", "..", "a/b.csv", "a\\\\b.csv", ""]
)
def test_a_mapping_joins_nothing_from_elsewhere(
    file: str, client: TestClient, app: FastAPI
) -> None:
    (app.state.settings.data_dir / "secret.csv").write_bytes(b"id,n,ms\n1,1,4000\n")
    answer = send(client, ("a.csv", CSV), ("m.toml", JOINED % file.encode()))
    assert answer.status_code == 422
    assert re.match(r"m\.toml: joined\.file:|the mapping joins \.\.,", answer.json()["detail"])


def test_a_mapping_joins_only_what_was_sent_with_it(client: TestClient) -> None:
    answer = send(client, ("a.csv", CSV), ("m.toml", JOINED % b"readings.csv"))
    assert answer.status_code == 422
    assert "readings.csv, which is not beside the file" in answer.json()["detail"]


def test_a_link_beside_the_file_is_not_followed_out(sqlite_store: Store, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "secret.csv").write_bytes(b"id,n,ms\n1,1,4000\n")
    for name, content in (("a.csv", CSV), ("m.toml", JOINED % b"readings.csv")):
        (tmp_path / "log" / name).write_bytes(content)
    (tmp_path / "log" / "readings.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(BadConfig, match="not beside the file"):
        import_file(sqlite_store, tmp_path / "log" / "a.csv", tmp_path / "log" / "m.toml")


def test_too_much_is_refused_in_a_sentence(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:  # no length is told beforehand
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jsonl"\r\n\r\n'
        for _ in range(100):
            yield b"x" * 10_000

    kind = {"content-type": "multipart/form-data; boundary=x"}
    told = send(client, ("a.jsonl", b"x" * MOST))
    streamed = client.post("/api/data/import", content=endless(), headers=kind)
    for answer in (told, streamed):
        assert answer.status_code == 413
        assert "50,000 bytes (RLHB_MAX_UPLOAD_BYTES)" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="files"; '
                                            b'filename="a.csv"\r\n\r\nx'),
        ("multipart/form-data; boundary=" + "x" * 400, b"--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A" * 20_000 + b"\r\n\r\n\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
    ],
)  # fmt: skip
def test_what_is_no_upload(kind: str, body: bytes, client: TestClient) -> None:
    answer = client.post("/api/data/import", content=body, headers={"content-type": kind})
    assert answer.status_code == 422, answer.text
    assert len(answer.json()["detail"]) > 20


@pytest.mark.parametrize(
    "files",
    [
        [("a.jsonl", b""), ("b.jsonl", b"")],
        [("a.csv", CSV)],
        [("m.toml", MAPPING)],
        [("a.csv", CSV), ("a.csv", CSV)],
        [(f"{each}.csv", CSV) for each in "abcd"],
        [("a.csv", CSV), ("m.toml", b"\xff\xfe")],
        [("a.csv", CSV), ("m.toml", b"a = " + b"[" * 20_000)],
        [("a.csv", CSV), ("m.toml", b"name = 1")],
    ],
)
def test_files_that_do_not_go_together(files: list[tuple[str, bytes]], client: TestClient) -> None:
    answer = send(client, *files)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


def test_other_sites_cannot_send_files(client: TestClient) -> None:
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ):
        assert send(client, ("a.jsonl", b""), **headers).status_code == 403


def test_a_few_people_at_a_time(app: FastAPI, client: TestClient) -> None:
    app.state.uploads._going = MOST_AT_ONCE
    answer = send(client, ("a.jsonl", b""))
    assert (answer.status_code, "try again in a minute" in answer.json()["detail"]) == (503, True)
    app.state.uploads._going = 0
    assert send(client, ("a.jsonl", b"")).status_code == 200


def test_what_a_killed_server_left_is_swept(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, MOST)
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "a.csv").write_bytes(CSV)
    uploads.sweep()
    assert list(tmp_path.iterdir()) == []


def test_what_comes_in_is_for_the_owner_only(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []

    def look(paths: list[Path]) -> tuple[Path, Path | None]:
        modes.extend(path.stat().st_mode & 0o777 for path in paths)
        return sorted_out(paths)

    monkeypatch.setattr("app.api.data.sorted_out", look)
    assert send(client, ("a.jsonl", b"")).status_code == 200
    assert modes == [0o600]


def test_uploads_that_stop_coming_keep_nobody_out(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stops() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jsonl"\r\n\r\n{'
        await asyncio.Event().wait()

    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
            kind = {"content-type": "multipart/form-data; boundary=x"}
            return await browser.post("/api/data/import", content=stops(), headers=kind)

    monkeypatch.setattr("app.doors.bodies.GRACE_S", 0.2)
    refused = asyncio.run(asyncio.wait_for(answer(), 10))
    assert (refused.status_code, "send it again" in refused.json()["detail"]) == (408, True)
    assert app.state.uploads._going == 0
