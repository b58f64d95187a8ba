"""The door while an answer lasts: whoever is signed out in the middle of it gets no more of it."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from app.api.errors import explained
from app.doors.bodies import Bodies
from app.people import People, PeopleDoor
from app.people.secrets import digest, new
from app.settings import Settings
from app.store import Account, Role, Session, Store, accounts, sessions
from app.ui import refused_page


def test_a_stranger_sends_little(sqlite_store: Store, tmp_path: Path) -> None:
    part = People(sqlite_store, Settings(data_dir=tmp_path, team=True, insecure_http=True))
    app = FastAPI()
    app.add_api_route("/api/sign-in", lambda: "in", methods=["POST"])
    app.add_middleware(Bodies, most_bytes=4_000_000)
    app.add_middleware(PeopleDoor, people=part, explain=explained, refused_page=refused_page)
    client = TestClient(app)
    assert client.post("/api/sign-in", json={"name": "x" * 16_000}).status_code == 200
    answer = client.post("/api/sign-in", json={"name": "x" * 17_000})
    assert (answer.status_code, "before you sign in" in answer.json()["detail"]) == (413, True)


def test_a_stream_ends_with_the_session(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.people.door.AGAIN_S", 0.0)
    part = People(sqlite_store, Settings(data_dir=tmp_path, team=True, insecure_http=True))
    account = Account(name="Ada", role=Role.RESEARCHER, person_id=uuid4())
    secret = new()
    with sqlite_store.writing() as connection:
        accounts.add(connection, account, "ada")
        sessions.add(connection, Session(digest=digest(secret), account_id=account.id))
    sent: list[Message] = []

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(10):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
            if number == 4:
                with sqlite_store.writing() as connection:
                    sessions.end_all(connection, account.id)

    async def nothing() -> Message:
        return {"type": "http.request"}

    async def hear(message: Message) -> None:
        sent.append(message)

    door = PeopleDoor(endless, part, explained, refused_page)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/data/triplets.jsonl",
        "query_string": b"",
        "scheme": "http",
        "client": ("192.0.2.7", 1),
        "headers": [(b"host", b"127.0.0.1"), (b"cookie", f"rlhb_session={secret}".encode())],
    }
    asyncio.run(door(scope, nothing, hear))
    assert [message.get("body") for message in sent[1:]] == [b"0", b"1", b"2", b"3", b"4"]
