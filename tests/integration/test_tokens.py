"""Tokens as scripts use them: made on the command line, shown once; exports and simulated people from afar."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from app.store import AuditKind, Store, audit, summary
from rlhb_core.schema.records import Source
from tests.server import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real server with accounts and the embedded model."""
    made = ServerProcess(tmp_path_factory.mktemp("team"))
    made.environment |= {"RLHB_TEAM": "true", "RLHB_INSECURE_HTTP": "true"}
    try:
        made.start()
        yield made
    finally:
        made.kill()


def rlhb(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as a person types it, with nothing but the given in its environment of ours."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("RLHB_")}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        env=plain | {"RLHB_DATA_DIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=240,
    )


def address(server: ServerProcess) -> str:
    return f"http://127.0.0.1:{server.port}"


def new_token(server: ServerProcess, role: str = "researcher", expires: str = "90d") -> str:
    made = rlhb(server.data_dir, "token", "create", "--role", role, "--expires", expires)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def ask(
    server: ServerProcess, path: str, token: str, method: str = "GET", sent: bytes | None = None
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    status, body = server.request(method, path, sent, headers)
    return status, json.loads(body) if body.startswith((b"{", b"[")) else body


def test_a_token_is_shown_once_lets_in_until_it_is_taken_back(
    server: ServerProcess, tmp_path: Path
) -> None:
    token = new_token(server)
    assert token.startswith("rlhb_")
    assert ask(server, "/api/me", token)[1]["role"] == "researcher"
    assert ask(server, "/api/people", token)[0] == 403
    status, answer = ask(
        server, "/api/comparisons", token, "POST", b'{"text": "How many moons has Mars?"}'
    )
    assert (status, "nobody's" in answer["detail"]) == (403, True)
    assert ask(server, "/api/me", token + "x")[0] == 401
    listed = rlhb(server.data_dir, "token", "list").stdout
    assert token not in listed
    (line,) = [each for each in listed.splitlines() if "researcher" in each]
    assert "(command line)" in line
    taken = rlhb(server.data_dir, "token", "revoke", line.split()[0])
    assert taken.returncode == 0, taken.stderr
    assert ask(server, "/api/me", token)[0] == 401
    assert token.encode() not in b"".join(
        file.read_bytes() for file in server.data_dir.glob("rlhb.sqlite*")
    )


@pytest.mark.parametrize("expires", ["soon", "0d", "-1d", "d", "1y", ""])
def test_a_time_that_is_none(server: ServerProcess, expires: str) -> None:
    made = rlhb(server.data_dir, "token", "create", "--expires", expires)
    assert made.returncode != 0
    assert "12h, 90d or 4w" in made.stderr
    assert made.stdout == ""


def test_simulated_people_and_every_export_from_afar(server: ServerProcess, tmp_path: Path) -> None:
    token, elsewhere = new_token(server), tmp_path / "elsewhere"
    refused = rlhb(elsewhere, "simulate", "--queries", "4", "--server", address(server))
    assert refused.returncode == 1
    assert "has accounts" in refused.stderr
    assert "rlhb token create" in refused.stderr
    done = rlhb(
        elsewhere, "simulate", "--queries", "12", "--people", "3", "--server", address(server),
        RLHB_TOKEN=token,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not elsewhere.exists(), "nothing is made where the command runs"

    store = Store.open(Settings(data_dir=server.data_dir, database_url="").database)
    with store.reading() as connection:
        counts = summary.by_source(connection)
    assert counts[Source.SIMULATED].queries == 12
    assert counts[Source.REAL].queries == 0
    for kind in ("triplets", "comparisons", "preferences", "labels"):
        near, far = tmp_path / f"near-{kind}.jsonl", tmp_path / f"far-{kind}.jsonl"
        words = ("export", kind, "--source", "simulated", "--with-people", "--out")
        assert rlhb(server.data_dir, *words, str(near)).returncode == 0
        got = rlhb(elsewhere, *words, str(far), "--server", address(server), "--token", token)
        assert got.returncode == 0, got.stderr
        assert rows(far) == rows(near)
        assert rows(far)
    with store.reading() as connection:
        lines = audit.newest(connection, kind=AuditKind.EXPORT)
    store.close()
    noted = {(line.via.value, line.what["what"]) for line in lines}
    assert noted == {
        (via, kind)
        for via in ("token", "command")
        for kind in ("triplets", "comparisons", "preferences", "labels")
    }


def test_what_commands_do_is_noted_too(server: ServerProcess, tmp_path: Path) -> None:
    out, back = tmp_path / "t.jsonl", tmp_path / "back.jsonl"
    words = ("--source", "simulated", "--out")
    assert rlhb(server.data_dir, "export", "triplets", *words, str(out)).returncode == 0
    back.write_bytes(out.read_bytes() + b"{}\n")
    rlhb(server.data_dir, "import", str(back))
    store = Store.open(Settings(data_dir=server.data_dir, database_url="").database)
    with store.reading() as connection:
        lines = [each for each in audit.newest(connection, limit=3) if each.via == "command"]
    store.close()
    assert [(each.kind, each.what.get("failed")) for each in reversed(lines)] == [
        ("export", None), ("import", None), ("import", 1),
    ]  # fmt: skip


def rows(file: Path) -> list[Any]:
    """Every line but what tells when it was written."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [
        {k: v for k, v in line.items() if k not in ("exported_at", "created")} for line in lines
    ]


def test_an_export_from_afar_that_is_refused_leaves_no_file(
    server: ServerProcess, tmp_path: Path
) -> None:
    out = tmp_path / "t.jsonl"
    weak = new_token(server, role="annotator")
    for token, why in (
        (weak, "this is for researchers"),
        ("rlhb_wrong", "has accounts"),
        ("", "has accounts"),
    ):
        got = rlhb(
            tmp_path, "export", "triplets", "--out", str(out), "--server", address(server),
            "--token", token,
        )  # fmt: skip
        assert got.returncode == 1
        assert why in got.stderr
        assert not out.exists()
    nobody = rlhb(
        tmp_path, "export", "triplets", "--server", "http://127.0.0.1:9", "--out", str(out)
    )
    assert "cannot be reached" in nobody.stderr


def test_an_invitation_from_the_command_line_makes_an_administrator(server: ServerProcess) -> None:
    made = rlhb(
        server.data_dir, "invite", "--role", "administrator",
        RLHB_TEAM="true", RLHB_INSECURE_HTTP="true", RLHB_PORT=str(server.port),
    )  # fmt: skip
    assert made.stdout.startswith(f"{address(server)}/join#")
    link = made.stdout.strip().partition("#")[2]
    body = json.dumps({"link": link, "name": "Ada", "password": "correct horse battery"}).encode()
    status, answer = server.request("POST", "/api/join", body, {"content-type": "application/json"})
    assert (status, json.loads(answer)) == (201, {"name": "Ada", "role": "administrator"})
    assert link not in server.log()
