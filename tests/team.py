"""A server with accounts, asked over HTTP in this process: people who join, sign in, and do things. No models."""

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.doors.pages import Door
from app.main import create_app
from app.people import OPERATOR, first_link, invite, names, passwords, secrets
from app.settings import Settings
from app.store import Account, Invitation, Role, Session, Store, Token, accounts, people, sessions
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Person, Query
from rlhb_core.schema.records import Response as Answer
from rlhb_core.schema.signals import Signal
from tests.scene import asked

PASSWORD = "quiet-Falke 17 umbrella"
"""Of whoever has no other."""
AT = "http://127.0.0.1:7860"
OFFICE = "192.0.2"
"""The network from which people come who do not say; each browser has an address of its own there."""
PAGES = ("/runs", "/curves", "/data", "")


@dataclass
class Member:
    """Somebody with an account, and the browser in which they are signed in."""

    client: TestClient
    name: str
    id: UUID
    person_id: UUID
    role: Role
    password: str = field(default=PASSWORD, repr=False)

    @property
    def secret(self) -> str:
        """What the browser shows."""
        return self.client.cookies["rlhb_session"]

    def reacts(self, *acts: Signal) -> Any:
        """Send these signals."""
        sent = [act.model_dump(mode="json") for act in acts]
        return self.client.post("/api/signals", json={"sent_ms": now_ms(), "signals": sent})


class Team:
    """A server with accounts."""

    def __init__(self, client: TestClient) -> None:
        self._hosts = itertools.cycle(range(1, 255))
        self.operator = client
        """A browser that nobody has signed in with; it keeps the server running."""

    @property
    def app(self) -> FastAPI:
        """The server itself."""
        app = self.operator.app
        assert isinstance(app, FastAPI)
        return app

    @property
    def store(self) -> Store:
        """Its database."""
        store: Store = self.app.state.store
        return store

    def browser(self, address: str = "", at: str = AT) -> TestClient:
        """Another browser, without a cookie; somewhere in the office, if it is not said where."""
        address = address or f"{OFFICE}.{next(self._hosts)}"
        browser = TestClient(self.operator.app, at, client=(address, 50_000))
        browser.portal = self.operator.portal  # one server: one loop
        return browser

    def showing(self, secret: str) -> TestClient:
        """A browser that shows this secret as its session."""
        browser = self.browser()
        browser.cookies.set("rlhb_session", secret, domain="127.0.0.1")
        return browser

    def with_token(self, secret: str) -> TestClient:
        """A program that shows this token."""
        program = self.browser()
        program.headers["authorization"] = f"Bearer {secret}"
        return program

    def first(self, name: str = "Ada", browser: TestClient | None = None) -> Member:
        """The first administrator, by the link that the server prints."""
        given = first_link(self.store)
        assert given is not None
        return self.joined(given.secret, name, browser)

    def member(self, name: str, role: Role = Role.ANNOTATOR) -> Member:
        """Somebody who is signed in, as if they had joined."""
        account = made_member(self.store, role, name, password=_stored())
        browser = self.showing(made_session(self.store, account))
        cookie = self.app.state.people.identities.cookie_for(account.person_id)
        browser.cookies.set("rlhb_person", cookie, domain="127.0.0.1")
        return Member(browser, name, account.id, account.person_id, role)

    def link(self, role: Role = Role.ANNOTATOR, uses: int = 1, hours: float = 72) -> str:
        """The secret of an invitation."""
        with self.store.writing() as connection:
            return invite(connection, OPERATOR, role, uses, hours).secret

    def joined(
        self, link: str, name: str, browser: TestClient | None = None, password: str = PASSWORD
    ) -> Member:
        """Whoever joins by this link."""
        browser = browser or self.browser()
        joining = {"link": link, "name": name, "password": password}
        answer = browser.post("/api/join", json=joining)
        assert answer.status_code == 201, answer.text
        account = self.account(name)
        return Member(browser, name, account.id, account.person_id, account.role, password)

    def account(self, name: str) -> Account:
        """The account of this name."""
        with self.store.reading() as connection:
            return next(each for each in accounts.all(connection) if each.name == name)

    def sign_in(
        self, name: str, password: str = PASSWORD, browser: TestClient | None = None
    ) -> Any:
        """Try to."""
        told = {"name": name, "password": password}
        return (browser or self.browser()).post("/api/sign-in", json=told)

    def asked_by(self, member: Member, text: str = "How many moons?") -> tuple[Query, list[Answer]]:
        """A query of theirs that is answered."""
        with self.store.writing() as connection:
            person = people.ensure(connection, Person(id=member.person_id))
            return asked(connection, person, text)

    def lines(self, **only: str) -> list[dict[str, Any]]:
        """The audit log, oldest first, as it is stored."""
        from app.store import audit

        whole = b"".join(audit.export_all(self.store))
        rows = [json.loads(line) for line in whole.splitlines()]
        return [row for row in rows if only.items() <= row.items()]


@cache
def _stored() -> str:
    """What is stored of the usual password: hashed once, as that takes long."""
    return passwords._hasher.hash(PASSWORD)


def made_member(store: Store, role: Role, name: str = "", **fields: Any) -> Account:
    """An account that is simply there, without a password."""
    name = name or f"member {uuid4().hex[:12]}"
    account = Account(name=name, role=role, person_id=uuid4(), **fields)
    with store.writing() as connection:
        accounts.add(connection, account, names.key(name))
        people.ensure(connection, Person(id=account.person_id, recording=False, display_name=name))
    return account


def made_session(store: Store, account: Account, **fields: Any) -> str:
    """The secret of a session of theirs."""
    secret = secrets.new()
    with store.writing() as connection:
        session = Session(digest=secrets.digest(secret), account_id=account.id, **fields)
        sessions.add(connection, session)
    return secret


def made_token(store: Store, role: Role, account: Account | None = None, **fields: Any) -> str:
    """The secret of a token."""
    secret = secrets.new(secrets.TOKEN_PREFIX)
    owner = account.id if account else None
    with store.writing() as connection:
        token = Token(
            digest=secrets.digest(secret), name="script", role=role, account_id=owner, **fields
        )
        sessions.add_token(connection, token)
    return secret


def invitations_of(store: Store) -> Sequence[Invitation]:
    """Those that can still be used."""
    from app.store import invitations

    with store.reading() as connection:
        return invitations.open(connection)


def doors(app: FastAPI) -> dict[str, Door]:
    """Gradio's pages by their addresses, "" for the one at /."""
    return {
        route.path: route.app
        for route in app.routes
        if isinstance(route, Mount) and isinstance(route.app, Door)
    }


def event(app: FastAPI, page: str, name: str) -> int:
    """The number of an event."""
    return next(each.index for each in doors(app)[page].events.values() if each.name == name)


def press(
    client: TestClient,
    page: str,
    name: str,
    data: Sequence[object] = (),
    act: Mapping[str, object] | None = None,
    tab: str = "",
) -> Any:
    """Send an event as its page does."""
    app = client.app
    assert isinstance(app, FastAPI)
    body: dict[str, object] = {"fn_index": event(app, page, name), "data": list(data)}
    body |= {"session_hash": tab or uuid4().hex}
    if act is not None:
        body["event_data"] = act
    return client.post(f"{page}/gradio_api/queue/join", json=body)


def heard(client: TestClient, page: str, tab: str) -> str:
    """What came of the events of this tab, once all of them are done."""
    answer = client.get(f"{page}/gradio_api/queue/data?session_hash={tab}")
    assert answer.status_code == 200, answer.text
    return answer.text


@contextmanager
def running(folder: Path, **chosen: Any) -> Iterator[TestClient]:
    """A server of this data folder, for as long as the block lasts."""

    async def built() -> FastAPI:
        settings: dict[str, Any] = {"data_dir": folder, "engine_url": "http://127.0.0.1:9"} | chosen
        return create_app(Settings(**settings))

    with TestClient(asyncio.run(built()), AT, client=(f"{OFFICE}.255", 50_000)) as client:
        yield client


@contextmanager
def running_team(folder: Path, **chosen: Any) -> Iterator[Team]:
    """The same with accounts, over plain HTTP unless told otherwise."""
    if not {"behind_proxy", "tls_certificate"} & set(chosen):
        chosen["insecure_http"] = True
    with running(folder, team=True, **chosen) as client:
        yield Team(client)
