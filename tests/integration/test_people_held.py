"""What somebody began before they were signed out, and ends afterwards; and what one person does to keep others out."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.types import Message

from app.doors.bodies import Crowded, Room, RoomTaken
from app.doors.heavy import Heavy, TooBusy
from app.doors.pages import MOST_TABS_EACH
from app.files.mapping import Mapping
from app.people import Principal, managing, passwords, vouched
from app.store import Role, Via, sessions
from tests.team import PASSWORD, Member, Team, doors, press, running_team


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("held")) as made:
        yield made


# --- requests that are held -----------------------------------------------------------------------


def held(team: Team, member: Member, method: str, path: str, body: bytes, meanwhile: Any) -> int:
    """The status of a request whose last byte comes after something else has happened."""
    sent: list[Message] = []
    pieces = [body[:-1], body[-1:]]
    headers = [
        (b"host", b"127.0.0.1:7860"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cookie", f"rlhb_session={member.secret}".encode()),
    ]
    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "scheme": "http", "client": ("192.0.2.9", 1), "server": ("127.0.0.1", 7860),
        "root_path": "", "http_version": "1.1",
    }  # fmt: skip

    async def receive() -> Message:
        if len(pieces) == 1:
            await asyncio.to_thread(meanwhile)
        piece = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Message) -> None:
        sent.append(message)

    async def ask() -> None:
        await team.app(scope, receive, send)

    portal = team.operator.portal
    assert portal is not None
    portal.call(ask)
    return int(sent[0]["status"])


def end_sessions_of(team: Team, member: Member) -> Any:
    def end() -> None:
        with team.store.writing() as connection:
            sessions.end_all(connection, member.id)

    return end


def test_what_is_held_is_not_done_once_its_session_has_ended(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.people.door.AT_ONCE_S", 0.0)
    owner, other = team.member("Held Owner", Role.ADMINISTRATOR), team.member("Held Other")
    path, body = f"/api/people/{other.id}", b'{"role": "administrator"}'
    assert held(team, owner, "PATCH", path, body, end_sessions_of(team, owner)) == 401
    assert team.account("Held Other").role is Role.ANNOTATOR
    again = team.member("Held Again")
    erase = b'{"confirm": true, "account": true}'
    assert held(team, again, "POST", "/api/me/erase", erase, end_sessions_of(team, again)) == 401
    assert team.account("Held Again").id == again.id
    still = team.member("Held Still", Role.ADMINISTRATOR)
    assert held(team, still, "PATCH", path, b'{"role": "researcher"}', lambda: None) == 204


def test_what_is_held_is_not_done_once_the_role_is_another(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.people.door.AT_ONCE_S", 0.0)
    one, two = (team.member(f"Demoted {name}", Role.ADMINISTRATOR) for name in "AB")

    def demote() -> None:
        who = Principal(two.person_id, two.role, Via.SESSION, two.name, two.id)
        with team.store.writing() as connection:
            managing.set_role(connection, who, one.id, Role.ANNOTATOR)

    path = f"/api/people/{one.id}"
    assert held(team, one, "PATCH", path, b'{"role": "administrator"}', demote) == 403
    assert team.account("Demoted A").role is Role.ANNOTATOR


def test_a_change_of_password_that_comes_second_changes_nothing(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attacker with session and password against the owner with an administrator's link."""
    owner = team.member("Raced")
    thief = team.browser()
    assert team.sign_in("Raced", browser=thief).status_code == 200
    with team.store.writing() as connection:
        link = managing.reset(connection, Principal(uuid4(), Role.ADMINISTRATOR), owner.id).secret
    hashed, first = passwords.hashed, threading.Event()

    async def slowly(password: str) -> str:
        if password == "of the thief now":
            first.set()
            while team.account("Raced").password == before:
                await asyncio.sleep(0.01)
        return await hashed(password)

    before = team.account("Raced").password
    monkeypatch.setattr(passwords, "hashed", slowly)
    told: list[int] = []

    def steal() -> None:
        wanted = {"current": PASSWORD, "password": "of the thief now"}
        told.append(thief.put("/api/me/password", json=wanted).status_code)

    thread = threading.Thread(target=steal)
    thread.start()
    assert first.wait(30)
    joined = team.browser().post("/api/join", json={"link": link, "password": "of the owner now"})
    assert joined.status_code == 201
    thread.join(30)
    assert told == [401]
    assert team.sign_in("Raced", "of the owner now").status_code == 200
    assert team.sign_in("Raced", "of the thief now").status_code == 401


def test_a_crowd_ends_with_whoever_let_it_loose(team: Team) -> None:
    member = team.member("Crowd", Role.RESEARCHER)
    who = Principal(member.person_id, member.role, Via.SESSION, member.name, member.id)

    def status() -> int:
        from httpx import ASGITransport, AsyncClient

        async def ask() -> int:
            transport = ASGITransport(app=vouched(team.app, who))
            async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return (await client.get("/api/runs")).status_code

        portal = team.operator.portal
        assert portal is not None
        return portal.call(ask)

    assert status() == 200
    with team.store.writing() as connection:
        by = Principal(uuid4(), Role.ADMINISTRATOR)
        managing.set_active(connection, by, member.id, active=False)
    assert status() == 401


# --- one against all ------------------------------------------------------------------------------


def test_a_person_has_so_many_tabs_and_their_own_oldest_goes(team: Team) -> None:
    watcher, busy = team.member("Watcher"), team.member("Busy")
    tab = uuid4().hex
    act = {"token": "t"}
    assert press(watcher.client, "", "restore", act=act, tab=tab).status_code == 200
    mine = [uuid4().hex for _ in range(MOST_TABS_EACH + 10)]
    for each in mine:
        assert press(busy.client, "", "restore", act=act, tab=each).status_code == 200
    pending = doors(team.app)[""].blocks._queue.pending_messages_per_session
    assert tab in pending
    assert [each in pending for each in mine[:10]] == [False] * 10
    assert press(busy.client, "", "restore", act=act, tab=tab).status_code == 403


def test_a_tab_stays_its_owners_when_gradio_has_forgotten_it(team: Team) -> None:
    owner, thief = team.member("Tab Owner"), team.member("Tab Thief")
    tab, act = uuid4().hex, {"token": "t"}
    assert press(owner.client, "", "restore", act=act, tab=tab).status_code == 200
    doors(team.app)[""].blocks._queue.pending_messages_per_session.pop(tab)
    assert press(thief.client, "", "restore", act=act, tab=tab).status_code == 403


def test_a_name_that_is_taken_costs_no_hashing(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.member("Taken")
    counted: list[str] = []
    monkeypatch.setattr(passwords, "hashed", lambda password: counted.append(password))
    wanted = {"link": team.link(), "name": "taken", "password": "a good long password"}
    assert team.browser().post("/api/join", json=wanted).status_code == 409
    assert counted == []


def test_so_many_sign_in_that_one_more_is_told_to_come_back(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.member("Patient")
    monkeypatch.setattr(passwords, "_waiting", passwords.MOST_WAITING)
    answer = team.sign_in("Patient")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    assert team.sign_in("Patient").status_code == 200
    assert passwords._waiting == 0


def test_guesses_of_others_in_the_office_keep_no_known_browser_out(team: Team) -> None:
    office = "198.51.100.7"
    member = team.member("Colleague")
    mine = team.browser(office)
    cookie = member.client.cookies["rlhb_person"]
    mine.cookies.set("rlhb_person", cookie, domain="127.0.0.1")
    theirs = team.browser(office)
    statuses = [team.sign_in(f"nobody {n}", "wrong", theirs).status_code for n in range(110)]
    assert statuses[-1] == 429
    assert team.sign_in("Colleague", browser=mine).status_code == 200


def test_the_room_for_large_bodies_is_no_ones_alone() -> None:
    room, greedy = Room(1_000_000), uuid4()
    RoomTaken(room, greedy).grow(250_000)
    place = RoomTaken(room, greedy)
    with pytest.raises(Crowded):
        place.grow(200_000)
    RoomTaken(room, uuid4()).grow(200_000)


def test_what_takes_long_is_done_once_at_a_time_for_each() -> None:
    async def all_of_it() -> None:
        heavy, me, go = Heavy(), uuid4(), threading.Event()
        first = asyncio.create_task(heavy.one_each(me, go.wait))
        await asyncio.sleep(0)
        with pytest.raises(TooBusy, match="wait for it"):
            await heavy.one_each(me, go.wait)
        assert await heavy.one_each(uuid4(), lambda: 3) == 3
        go.set()
        assert await first
        assert await heavy.one_each(me, lambda: 4) == 4

    asyncio.run(all_of_it())


@pytest.mark.parametrize("path", ["/people\n", "/people%0A", "/api/me\n", "/" + "x" * 3_000])
def test_an_address_that_no_browser_writes_leads_nowhere(team: Team, path: str) -> None:
    member = team.member(f"Odd {uuid4().hex[:8]}")
    assert member.client.get(path.replace("\n", "%0A")).status_code == 404


@pytest.mark.parametrize("form", ["%d %d", "%Q", "%"])
def test_a_format_of_times_that_is_none_is_refused_before_anything_is_imported(
    form: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="time_format"):
        Mapping.model_validate(
            {
                "name": "x",
                "query": "q",
                "time": "t",
                "time_format": form,
                "answers": [{"text": "a"}],
            }
        )
