"""Coming in and going out over HTTP: what is asked for, what is given, what is refused, and what stays a secret."""

import asyncio
import logging
import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.people import OPERATOR, first_link, passwords, reset, secrets
from app.people.guessing import FORGOTTEN_MS, FREE_BY_ADDRESS, FREE_BY_NAME
from app.settings import Settings
from app.store import Role, Store, accounts, sessions
from rlhb_core.schema.record import now_ms
from tests.conftest import Postgres
from tests.team import (
    AT,
    PASSWORD,
    Member,
    Team,
    invitations_of,
    made_member,
    made_session,
    made_token,
    running,
    running_team,
)

A, R, D = Role.ANNOTATOR, Role.RESEARCHER, Role.ADMINISTRATOR
WRONG = {"detail": "name or password is wrong"}
OTHER = "a second Falke, 18 umbrellas"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("data")) as team:
        team.first()
        yield team


@pytest.fixture
def anna(team: Team) -> Member:
    """Somebody new, called as nobody else is."""
    return team.member(f"Anna {uuid4().hex[:8]}")


@pytest.fixture
def address() -> str:
    """An address from which nobody else has tried."""
    return f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1"


def is_in(client: TestClient) -> bool:
    """Whether somebody is signed in there."""
    status = client.get("/api/me").status_code
    assert status in (200, 401)
    return status == 200


class Clock:
    """The time by which tries, sessions and links are counted; it stands still until it is set forward."""

    def __init__(self) -> None:
        self.now = now_ms()

    def forward(self, by_ms: int) -> None:
        """Let so much time pass."""
        self.now += by_ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (
        "people.guessing",
        "store.guesses",
        "people.people",
        "store.invitations",
        "people.entering",
    ):
        monkeypatch.setattr(f"app.{module}.now_ms", lambda: clock.now)
    return clock


# --- the session ----------------------------------------------------------------------------------


def test_a_planted_session_is_never_taken_over(team: Team, anna: Member) -> None:
    planted = secrets.new()
    victim = team.showing(planted)
    assert team.sign_in(anna.name, browser=victim).status_code == 200
    given = victim.cookies.get("rlhb_session", domain="127.0.0.1")
    assert given is not None
    assert given != planted
    assert not is_in(team.showing(planted))
    assert is_in(team.showing(given))


def test_a_session_planted_by_somebody_signed_in_ends(team: Team, anna: Member) -> None:
    mallory = team.member(f"Mallory {uuid4().hex[:6]}")
    victim = team.showing(mallory.secret)
    assert team.sign_in(anna.name, browser=victim).json()["name"] == anna.name
    assert not is_in(mallory.client)


def test_each_sign_in_gives_a_new_secret_and_ends_the_one_shown(team: Team, anna: Member) -> None:
    given = [anna.secret]
    for _ in range(3):
        assert team.sign_in(anna.name, browser=anna.client).status_code == 200
        given.append(anna.secret)
    assert len(set(given)) == 4
    assert [is_in(team.showing(secret)) for secret in given] == [False, False, False, True]
    assert min(len(secret) for secret in given) >= 43  # 256 bits


def test_a_secret_that_was_tampered_with_is_nobodys(team: Team, anna: Member) -> None:
    secret = anna.secret
    wrong = [
        secret[:-1], secret + "A", secret.swapcase(), secret[::-1], secrets.digest(secret), str(anna.id), "", "null",
        "' OR '1'='1", "%", "_" * 43, secret.upper(), f'"{secret}', f"{secret}.x", "\\0" + secret,
    ]  # fmt: skip
    assert [each for each in wrong if is_in(team.showing(each))] == []
    assert is_in(team.showing(secret))


@pytest.mark.parametrize(
    "neighbours",
    ['{"a": 1}; ', "a b=c; ", "x=\"y; ", "=; ", "a=b=c; ", "rlhb_session=planted; ", "sid={x:[1,2]}; ", "é=1; "],
)  # fmt: skip
def test_what_neighbours_left_in_the_cookie_signs_nobody_out(
    neighbours: str, team: Team, anna: Member
) -> None:
    shown = f"{neighbours}rlhb_session={anna.secret}".encode("latin-1")
    answer = team.browser().get("/api/me", headers=[(b"cookie", shown)])
    assert answer.status_code == 200


def test_what_was_ended_stays_ended(team: Team, anna: Member) -> None:
    """Replayed after a sign-out, here, everywhere, by an administrator, and after the account is gone."""
    here = anna.secret
    assert anna.client.post("/api/sign-out").status_code == 204
    assert not is_in(team.showing(here))
    assert not is_in(anna.client)
    browsers = [team.browser() for _ in range(2)]
    for browser in browsers:
        team.sign_in(anna.name, browser=browser)
    shown = [browser.cookies["rlhb_session"] for browser in browsers]
    assert browsers[0].delete("/api/sessions").json() == {"ended": 2}
    assert [is_in(team.showing(each)) for each in shown] == [False, False]
    team.sign_in(anna.name, browser=browsers[0])
    administrator = team.showing(made_session(team.store, made_member(team.store, D)))
    assert administrator.delete(f"/api/people/{anna.id}/sessions").json() == {"ended": 1}
    assert not is_in(browsers[0])
    team.sign_in(anna.name, browser=browsers[0])
    erased = administrator.post(
        f"/api/people/{anna.id}/erase", json={"confirm": True, "account": True}
    )
    assert erased.status_code == 200
    assert not is_in(browsers[0])
    assert team.sign_in(anna.name).status_code == 401


def test_one_of_many_sessions_is_ended(team: Team, anna: Member) -> None:
    other = team.browser()
    team.sign_in(anna.name, browser=other)
    listed = anna.client.get("/api/sessions").json()
    assert [each["here"] for each in listed] == [False, True] or [
        each["here"] for each in listed
    ] == [True, False]
    (there,) = [each["id"] for each in listed if not each["here"]]
    assert anna.client.delete(f"/api/sessions/{there}").json() == {"ended": 1}
    assert (is_in(anna.client), is_in(other)) == (True, False)
    assert anna.client.delete(f"/api/sessions/{there}").status_code == 404


def test_a_session_tells_where_it_is_and_no_more(team: Team, anna: Member) -> None:
    browser = team.browser("198.51.100.77")
    browser.headers["user-agent"] = (
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    )
    team.sign_in(anna.name, browser=browser)
    (mine,) = [each for each in browser.get("/api/sessions").json() if each["here"]]
    assert (mine["address"], mine["agent"]) == ("198.51.100.0/24", "Firefox, Linux")


def test_twenty_browsers_at_most(team: Team) -> None:
    account = made_member(team.store, A)
    with team.store.writing() as connection:
        accounts.change(connection, account.id, password=asyncio.run(passwords.hashed(PASSWORD)))
    olds = [
        made_session(team.store, account, created_ms=now_ms() - 1000 * (25 - age))
        for age in range(19)
    ]
    twentieth, next_one = team.browser(), team.browser()
    team.sign_in(account.name, browser=twentieth)
    assert len(twentieth.get("/api/sessions").json()) == 20
    team.sign_in(account.name, browser=next_one)
    assert len(next_one.get("/api/sessions").json()) == 20
    assert not is_in(team.showing(olds[0]))
    assert all(is_in(each) for each in (team.showing(olds[1]), twentieth, next_one))


# --- cookies --------------------------------------------------------------------------------------


def cookies_of(answer: Any) -> dict[str, str]:
    """The cookies that an answer sets, each with all that is said of it."""
    lines = answer.headers.get_list("set-cookie")
    return {line.partition("=")[0]: line for line in lines}


def test_cookies_without_tls(team: Team, anna: Member) -> None:
    answer = team.sign_in(anna.name)
    given = cookies_of(answer)
    assert set(given) == {"rlhb_session", "rlhb_person"}
    for line in given.values():
        assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= set(line.split("; "))
        assert "Secure" not in line
        assert "Domain" not in line
    assert "Max-Age=2592000" in given["rlhb_session"]
    gone = cookies_of(anna.client.post("/api/sign-out"))["rlhb_session"]
    assert gone.startswith("rlhb_session=;")
    assert "Max-Age=0" in gone
    assert "strict-transport-security" not in answer.headers
    for path in ("/api/me", "/sign-in", "/static/kit.js"):
        assert "set-cookie" not in team.browser().get(path).headers


def test_cookies_and_names_with_tls(tmp_path: Path) -> None:
    url = "https://label.example.org"
    with running_team(tmp_path, behind_proxy=True, public_url=url) as team:
        browser = team.browser(at="https://label.example.org")
        given = first_link(team.store)
        assert given is not None
        joining = {"link": given.secret, "name": "Ada", "password": PASSWORD}
        cookies = cookies_of(browser.post("/api/join", json=joining))
        assert set(cookies) == {"__Host-rlhb_session", "rlhb_person"}
        for line in cookies.values():
            assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(line.split("; "))
            assert "Domain" not in line
        answer = browser.get("/api/me")
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        secret = browser.cookies["__Host-rlhb_session"]
        plain_name = team.browser(at="https://label.example.org")
        plain_name.cookies.set("rlhb_session", secret)  # as a neighbouring site could set it
        assert plain_name.get("/api/me").status_code == 401
        for at in (url, "https://LABEL.example.org"):
            assert team.browser(at=at).get("/sign-in").status_code == 200
        for at in (
            "https://evil.example",
            f"{url}:8443",
            f"{url}.evil.example",
            "https://127.0.0.1",
        ):
            refused = team.browser(at=at).get("/sign-in")
            assert (refused.status_code, refused.json()["detail"]) == (
                403,
                f"open this server as {url}",
            )
            assert (
                team.browser(at=at).get("/api/health").status_code == 200
            )  # for whoever watches over it
        over_http = team.browser(at="http://label.example.org").get("/sign-in")
        assert over_http.status_code == 403
        assert team.browser(at="http://label.example.org").get("/api/health").status_code == 200


# --- from where -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:7861"},
     {"origin": ""}, {"origin": "http://127.0.0.1:7860.evil.example"}, {"sec-fetch-site": "cross-site"},
     {"sec-fetch-site": "same-site"}, {"sec-fetch-site": ""}, {"origin": AT, "sec-fetch-site": "cross-site"},
     {"origin": "https://evil.example", "sec-fetch-site": "same-origin"}],
)  # fmt: skip
def test_another_site_signs_nobody_in_or_out(
    headers: dict[str, str], team: Team, anna: Member
) -> None:
    told = {"name": anna.name, "password": PASSWORD}
    for path in ("/api/sign-in", "/api/join", "/api/join/look", "/api/openid", "/api/sign-out"):
        answer = anna.client.post(path, json=told, headers=headers)
        assert answer.status_code == 403
        assert answer.json() == {"detail": "requests from other sites are refused"}
        assert "set-cookie" not in answer.headers
    assert anna.client.delete("/api/sessions", headers=headers).status_code == 403
    assert is_in(anna.client)


def test_our_own_pages_and_programs_sign_in(team: Team, anna: Member) -> None:
    for headers in (
        {},
        {"origin": AT},
        {"origin": AT, "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ):
        told = {"name": anna.name, "password": PASSWORD}
        assert team.browser().post("/api/sign-in", json=told, headers=headers).status_code == 200


def test_nothing_but_json_signs_in(team: Team, anna: Member) -> None:
    """No form of another site could be that, even in a browser that says nothing of where it comes from."""
    form = {"name": anna.name, "password": PASSWORD}
    assert team.browser().post("/api/sign-in", data=form).status_code == 422
    text = f'{{"name": "{anna.name}", "password": "{PASSWORD}", "x": "="}}'
    answer = team.browser().post(
        "/api/sign-in", content=text, headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 422


# --- names and passwords that are wrong -----------------------------------------------------------


def told_apart(answer: Any) -> tuple[Any, ...]:
    """All that can be seen of an answer."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, answer.content, headers


def test_an_unknown_name_and_a_wrong_password_look_alike(team: Team, anna: Member) -> None:
    gone = made_member(team.store, A, deactivated_ms=now_ms())
    without = made_member(team.store, A)  # signs in by a provider only
    tried = (
        anna.name,
        "Nobody at all",
        gone.name,
        without.name,
        "x" * 1000,
        "‮",
        "",
        "ａｎｎａ",
        "a\u0000b",
    )
    seen = [told_apart(team.sign_in(name, "wrong " + OTHER)) for name in tried]
    assert seen[0][:2] == (401, b'{"detail":"name or password is wrong"}')
    assert [each for each in seen if each != seen[0]] == []


def test_an_unknown_name_and_a_wrong_password_are_the_same_work(
    team: Team, anna: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    verify = passwords._verify

    def counted(stored: str, password: str) -> bool:
        done.append(stored.rpartition("$")[0].rpartition("$")[0])  # the parameters
        return verify(stored, password)

    monkeypatch.setattr("app.people.passwords._verify", counted)
    without = made_member(team.store, A)
    work = []
    for name in (anna.name, "Nobody in particular", without.name):
        for password in (OTHER, "", "x" * 1000):
            done.clear()
            assert team.sign_in(name, password).status_code == 401
            work.append(list(done))
    assert len(work[0]) == 1
    assert "m=19456,t=2,p=1" in work[0][0]
    assert [each for each in work if each != work[0]] == []


def test_an_account_without_a_password_has_none(team: Team) -> None:
    without = made_member(team.store, A)
    for password in ("", "None", "null", "of nobody", without.name):
        assert team.sign_in(without.name, password).status_code == 401


def test_a_name_is_compared_without_case_and_keyboard(team: Team) -> None:
    name = f"Zoë FIsher {uuid4().hex[:4]}"
    team.member(name)
    written = (
        name,
        name.upper(),
        f"  {name.lower()} ",
        name.replace("ë", "e\u0308"),
        name.replace("FI", "fi"),
    )
    for each in written:
        answer = team.sign_in(each)
        assert (answer.status_code, answer.json().get("name")) == (200, name)


def test_a_password_is_taken_as_it_is(team: Team, anna: Member) -> None:
    for each in (
        PASSWORD.upper(),
        PASSWORD + " ",
        " " + PASSWORD,
        PASSWORD[:-1],
        PASSWORD + "\u0000",
    ):
        assert team.sign_in(anna.name, each).status_code == 401


# --- guessing -------------------------------------------------------------------------------------


def guess(team: Team, name: str, address: str, times: int, password: str = "") -> list[int]:
    """What so many tries one after the other are answered."""
    browser = team.browser(address)
    return [
        team.sign_in(name, password or f"{OTHER} {each}", browser).status_code
        for each in range(times)
    ]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that cost nothing to compare: tries are counted before they are judged."""
    monkeypatch.setattr(
        "app.people.passwords._verify", lambda stored, password: password == PASSWORD
    )


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("known", [True, False])
def test_guessing_is_slowed_by_name(
    known: bool, team: Team, anna: Member, address: str, clock: Clock
) -> None:
    name = anna.name if known else f"Nobody {uuid4().hex[:8]}"
    assert guess(team, name, address, FREE_BY_NAME + 2) == [401] * FREE_BY_NAME + [429] * 2
    elsewhere = team.browser("198.51.100.1")
    for password in (PASSWORD, OTHER):  # the right one too, or the wait would tell which it is
        refused = team.sign_in(name, password, elsewhere)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert "wait a second," in refused.json()["detail"]
    clock.forward(1_000)
    assert guess(team, name, address, 2) == [401, 429]
    refused = team.sign_in(name, PASSWORD, elsewhere)
    assert refused.headers["retry-after"] == "2"
    clock.forward(int(refused.headers["retry-after"]) * 1_000)
    assert team.sign_in(name, PASSWORD, elsewhere).status_code == (200 if known else 401)
    if known:  # it begins anew
        assert guess(team, name, address, FREE_BY_NAME + 1) == [401] * FREE_BY_NAME + [429]


@pytest.mark.usefixtures("quick")
def test_the_wait_doubles_until_it_is_a_quarter_of_an_hour(
    team: Team, anna: Member, address: str, clock: Clock
) -> None:
    assert guess(team, anna.name, address, FREE_BY_NAME)[-1] == 401
    waits = []
    for _ in range(12):
        refused = team.sign_in(anna.name, OTHER, team.browser(address))
        waits.append(int(refused.headers["retry-after"]))
        clock.forward(waits[-1] * 1_000)
        assert guess(team, anna.name, address, 1) == [401]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    clock.forward(FORGOTTEN_MS + 1_000)
    assert guess(team, anna.name, address, FREE_BY_NAME + 1) == [401] * FREE_BY_NAME + [429]


@pytest.mark.usefixtures("quick")
def test_a_clock_that_was_set_back_keeps_nobody_out(
    team: Team, anna: Member, address: str, clock: Clock
) -> None:
    clock.forward(365 * 24 * HOUR_MS)
    assert guess(team, anna.name, address, FREE_BY_NAME + 1)[-1] == 429
    clock.forward(-365 * 24 * HOUR_MS)
    assert team.sign_in(anna.name, browser=team.browser(address)).status_code == 200
    assert guess(team, anna.name, address, FREE_BY_NAME + 1) == [401] * FREE_BY_NAME + [429]


@pytest.mark.usefixtures("quick")
def test_nobody_keeps_others_out_by_guessing_at_their_name(
    team: Team, anna: Member, address: str, clock: Clock
) -> None:
    assert guess(team, anna.name, address, FREE_BY_NAME + 1)[-1] == 429
    anna.client.post("/api/sign-out")  # its cookie still tells that it has been Anna before
    for each in range(FREE_BY_NAME - 1):
        assert team.sign_in(anna.name, f"{OTHER} {each}", anna.client).status_code == 401
    assert team.sign_in(anna.name, browser=anna.client).status_code == 200
    for each in range(FREE_BY_NAME):
        assert team.sign_in(anna.name, f"{OTHER} {each}", anna.client).status_code == 401
    assert team.sign_in(anna.name, browser=anna.client).status_code == 429  # but it is no way round
    other = team.member(f"Olga {uuid4().hex[:6]}")
    assert team.sign_in(anna.name, browser=other.client).status_code == 429  # known, as another


@pytest.mark.usefixtures("quick")
def test_tries_at_once_are_counted_one_by_one(
    team: Team, anna: Member, address: str, clock: Clock
) -> None:
    begun = threading.Barrier(30)

    def tried(each: int) -> int:
        browser = team.browser(address)
        begun.wait()
        status: int = team.sign_in(anna.name, f"{OTHER} {each}", browser).status_code
        return status

    with ThreadPoolExecutor(30) as threads:
        found = sorted(threads.map(tried, range(30)))
    assert found == [401] * FREE_BY_NAME + [429] * (30 - FREE_BY_NAME)


@pytest.mark.usefixtures("quick")
def test_guessing_is_slowed_by_address(
    team: Team, anna: Member, address: str, clock: Clock
) -> None:
    names = [f"Nobody {uuid4().hex[:8]}" for _ in range(FREE_BY_ADDRESS)]
    browser = team.browser(address)
    assert {team.sign_in(name, OTHER, browser).status_code for name in names} == {401}
    refused = team.sign_in("Somebody else again", OTHER, browser)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert team.sign_in(anna.name, browser=browser).status_code == 429
    assert team.sign_in(anna.name, browser=team.browser("2001:db8::77")).status_code == 200


@pytest.mark.usefixtures("quick")
def test_an_office_signs_in_from_one_address(team: Team, anna: Member, address: str) -> None:
    browser = team.browser(address)
    for _ in range(FREE_BY_ADDRESS + 10):  # each that works out is given back
        assert team.sign_in(anna.name, browser=browser).status_code == 200


@pytest.mark.usefixtures("quick")
def test_the_present_password_is_not_guessed_by_a_stolen_session(
    team: Team, anna: Member, clock: Clock
) -> None:
    wanted = {"password": OTHER}
    found = [
        anna.client.put("/api/me/password", json=wanted | {"current": f"no {each}"}).status_code
        for each in range(FREE_BY_NAME + 1)
    ]
    assert found == [401] * FREE_BY_NAME + [429]
    assert (
        anna.client.put("/api/me/password", json=wanted | {"current": PASSWORD}).status_code == 429
    )
    assert is_in(anna.client)


# --- passwords ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "why"),
    [("", "between 10 and 200"), ("123456789", "between 10 and 200"), ("x" * 201, "between 10 and 200"),
     ("aaaaaaaaaaaaaaaa", "too easy"), ("abcabcabcabc", "too easy"), ("y" * 1001, "1000"),
     ("$NAME", "too easy"), ("$NAME$NAME", "too easy")],
)  # fmt: skip
def test_passwords_that_nobody_has(password: str, why: str, team: Team, anna: Member) -> None:
    name = f"longer name {uuid4().hex[:6]}"
    password = password.replace("$NAME", name)
    link = team.link()
    joining = {"link": link, "name": name, "password": password}
    answers = [team.browser().post("/api/join", json=joining)]
    if "NAME" not in password and name not in password:
        change = {"current": PASSWORD, "password": password}
        answers.append(anna.client.put("/api/me/password", json=change))
    for answer in answers:
        assert answer.status_code == 422
        assert why in str(answer.json()["detail"])
    assert team.joined(link, name).name == name  # the link was not used up by it


@pytest.mark.parametrize("password", ["pässwörter 🔑 ok", "x y z" * 40, "١٢٣٤٥٦٧٨٩٠"])
def test_passwords_in_any_writing(password: str, team: Team) -> None:
    member = team.joined(team.link(), f"Writer {uuid4().hex[:6]}", password=password)
    assert team.sign_in(member.name, password).status_code == 200


def test_another_password_ends_all_other_sessions(team: Team, anna: Member) -> None:
    other, before = team.browser(), anna.secret
    team.sign_in(anna.name, browser=other)
    with team.store.writing() as connection:
        link = reset(connection, OPERATOR, anna.id).secret
    wrong = {"current": OTHER, "password": OTHER}
    assert anna.client.put("/api/me/password", json=wrong).status_code == 401
    change = {"current": PASSWORD, "password": OTHER}
    assert anna.client.put("/api/me/password", json=change).status_code == 200
    assert is_in(anna.client)
    assert anna.secret != before
    assert not is_in(other)
    assert not is_in(team.showing(before))
    assert [team.sign_in(anna.name, each).status_code for each in (PASSWORD, OTHER)] == [401, 200]
    assert team.browser().post("/api/join/look", json={"link": link}).status_code == 410


def test_whoever_signs_in_while_the_password_changes_comes_too_late(
    team: Team, anna: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old password was right when it was looked at, and is not any more when the session would begin."""
    changed = asyncio.run(passwords.hashed(OTHER))
    fits = passwords.fits

    async def fits_and_is_changed(password: str, stored: str | None) -> bool:
        found = await fits(password, stored)
        with team.store.writing() as connection:
            accounts.change(connection, anna.id, password=changed)
            sessions.end_all(connection, anna.id)
        return found

    monkeypatch.setattr("app.people.passwords.fits", fits_and_is_changed)
    answer = team.sign_in(anna.name)
    assert (answer.status_code, answer.json()) == (401, WRONG)
    monkeypatch.setattr("app.people.passwords.fits", fits)
    assert [team.sign_in(anna.name, each).status_code for each in (PASSWORD, OTHER)] == [401, 200]


def test_a_password_hashed_by_other_parameters_is_hashed_anew(team: Team, anna: Member) -> None:
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    with team.store.writing() as connection:
        accounts.change(connection, anna.id, password=old)
    assert team.sign_in(anna.name, OTHER).status_code == 401
    assert team.account(anna.name).password == old
    assert team.sign_in(anna.name).status_code == 200
    now = team.account(anna.name).password
    assert now is not None
    assert not passwords.is_old(now)
    assert team.sign_in(anna.name).status_code == 200


# --- deactivated, demoted, the last one -----------------------------------------------------------


@pytest.fixture
def administrator(team: Team) -> TestClient:
    return team.showing(made_session(team.store, made_member(team.store, D)))


def test_whoever_is_deactivated_is_out_at_once(
    team: Team, anna: Member, administrator: TestClient
) -> None:
    token = team.with_token(made_token(team.store, A, team.account(anna.name)))
    link = administrator.post(f"/api/people/{anna.id}/reset").json()["path"].partition("#")[2]
    assert administrator.patch(f"/api/people/{anna.id}", json={"active": False}).status_code == 204
    assert (is_in(anna.client), is_in(token)) == (False, False)
    assert team.sign_in(anna.name, OTHER).json() == WRONG  # nobody learns it without the password
    refused = team.sign_in(anna.name)
    assert refused.status_code == 403
    assert "ask an administrator" in refused.json()["detail"]
    assert "set-cookie" not in refused.headers
    assert team.browser().post("/api/join/look", json={"link": link}).status_code == 410
    assert administrator.patch(f"/api/people/{anna.id}", json={"active": True}).status_code == 204
    assert not is_in(anna.client)  # its session is gone for good
    assert is_in(token)
    assert team.sign_in(anna.name).status_code == 200


def test_another_role_counts_from_the_next_request(
    team: Team, anna: Member, administrator: TestClient
) -> None:
    for role, status in (("researcher", 200), ("annotator", 403)):
        assert administrator.patch(f"/api/people/{anna.id}", json={"role": role}).status_code == 204
        assert anna.client.get("/api/runs").status_code == status
    assert (
        anna.client.patch(f"/api/people/{anna.id}", json={"role": "researcher"}).status_code == 403
    )


def test_the_last_administrator_stays_one(tmp_path: Path) -> None:
    with running_team(tmp_path) as team:
        ada = team.first()
        gone = made_member(team.store, D, deactivated_ms=now_ms())
        last = "this is the last administrator; make somebody else one first"
        for change in ({"role": "researcher"}, {"role": "annotator"}, {"active": False}):
            answer = ada.client.patch(f"/api/people/{ada.id}", json=change)
            assert (answer.status_code, answer.json()["detail"]) == (409, last)
        for path in ("/api/me/erase", f"/api/people/{ada.id}/erase"):
            answer = ada.client.post(path, json={"confirm": True, "account": True})
            assert answer.status_code in (403, 409)
        assert ada.client.get("/api/me").json()["role"] == "administrator"
        eve = team.member("Eve", D)
        assert (
            eve.client.patch(f"/api/people/{ada.id}", json={"role": "annotator"}).status_code == 204
        )
        assert eve.client.patch(f"/api/people/{eve.id}", json={"active": False}).status_code == 409
        revived = eve.client.patch(f"/api/people/{gone.id}", json={"active": True})
        assert revived.status_code == 204
        assert eve.client.patch(f"/api/people/{eve.id}", json={"active": False}).status_code == 204
        assert first_link(team.store) is None


def test_of_two_administrators_who_demote_each_other_one_is_left(store: Store) -> None:
    from app.people import set_role
    from app.store import Conflict

    two = [made_member(store, D) for _ in range(2)]
    begun = threading.Barrier(2)

    def demotes(whom: int) -> bool:
        begun.wait()
        try:
            with store.writing() as connection:
                set_role(connection, OPERATOR, two[whom].id, A)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(demotes, (0, 1))) == [False, True]
    with store.reading() as connection:
        assert accounts.administrators(connection) == 1


# --- links ----------------------------------------------------------------------------------------


def test_a_reset_link_is_used_once_and_ends_sessions(
    team: Team, anna: Member, administrator: TestClient
) -> None:
    first, second = (
        administrator.post(f"/api/people/{anna.id}/reset").json()["path"] for _ in range(2)
    )
    assert first.startswith("/join#")
    links = [each.partition("#")[2] for each in (first, second)]
    browser = team.browser()
    looked = [browser.post("/api/join/look", json={"link": link}) for link in links]
    assert [each.status_code for each in looked] == [410, 200]  # a newer one voids the older
    assert looked[1].json()["sets_password"]
    assert is_in(anna.client)  # as long as it is not used
    used = {"link": links[1], "password": OTHER}
    assert browser.post("/api/join", json=used | {"password": "short"}).status_code == 422
    answer = browser.post("/api/join", json=used)
    assert (answer.status_code, answer.json()["name"]) == (201, anna.name)
    assert is_in(browser)
    assert not is_in(anna.client)
    assert team.browser().post("/api/join", json=used).status_code == 410
    assert [team.sign_in(anna.name, each).status_code for each in (PASSWORD, OTHER)] == [401, 200]
    assert links[1] not in {each.digest for each in invitations_of(team.store)}


def test_a_reset_link_gives_no_other_role_or_name(
    team: Team, anna: Member, administrator: TestClient
) -> None:
    link = administrator.post(f"/api/people/{anna.id}/reset").json()["path"].partition("#")[2]
    used = {"link": link, "password": OTHER, "name": "Somebody else"}
    assert team.browser().post("/api/join", json=used).json() == {
        "name": anna.name,
        "role": "annotator",
    }
    with pytest.raises(StopIteration):
        team.account("Somebody else")


def test_an_invitation_is_used_so_often(team: Team, administrator: TestClient) -> None:
    made = administrator.post("/api/invitations", json={"role": "researcher", "uses": 2}).json()
    link = made["path"].partition("#")[2]
    names = [f"Guest {uuid4().hex[:6]}" for _ in range(3)]
    assert [team.joined(link, name).role for name in names[:2]] == [R, R]
    joining = {"link": link, "name": names[2], "password": PASSWORD}
    assert team.browser().post("/api/join", json=joining).status_code == 410
    assert made["id"] not in administrator.get("/api/invitations").text


def test_an_invitation_used_by_many_at_once_is_used_so_often(team: Team) -> None:
    link, begun = team.link(uses=3), threading.Barrier(8)

    def joins(each: int) -> int:
        browser = team.browser()
        begun.wait()
        joining = {"link": link, "name": f"Crowd {each} {link[:5]}", "password": PASSWORD}
        status: int = browser.post("/api/join", json=joining).status_code
        return status

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(joins, range(8))) == [201] * 3 + [410] * 5


def test_an_invitation_ends_or_is_withdrawn(
    team: Team, administrator: TestClient, clock: Clock
) -> None:
    made = administrator.post("/api/invitations", json={"hours": 2}).json()
    link = {"link": made["path"].partition("#")[2]}
    listed = administrator.get("/api/invitations")
    assert made["id"] in listed.text
    assert link["link"] not in listed.text
    browser = team.browser()
    clock.forward(2 * HOUR_MS - 60_000)
    assert browser.post("/api/join/look", json=link).json()["role"] == "annotator"
    clock.forward(120_000)
    joining = link | {"name": "Too late", "password": PASSWORD}
    assert browser.post("/api/join/look", json=link).status_code == 410
    assert browser.post("/api/join", json=joining).status_code == 410
    clock.forward(-120_000)
    assert administrator.delete(f"/api/invitations/{made['id']}").status_code == 204
    assert browser.post("/api/join/look", json=link).status_code == 410
    assert browser.post("/api/join", json=joining).status_code == 410
    assert administrator.delete(f"/api/invitations/{made['id']}").status_code == 404


def test_a_name_that_is_taken_uses_no_link_up(team: Team, anna: Member) -> None:
    link = team.link()
    for name in (anna.name, anna.name.upper(), f" {anna.name}  "):
        answer = team.browser().post(
            "/api/join", json={"link": link, "name": name, "password": PASSWORD}
        )
        assert answer.status_code == 409
    assert team.joined(link, f"Free {uuid4().hex[:6]}").role is A


def test_a_link_that_never_was_one(team: Team) -> None:
    browser = team.browser()
    for link in ("", "x", "0" * 43, "' OR 1=1 --", "x" * 1000, "\u0000"):
        for path in ("/api/join/look", "/api/join"):
            body = {"link": link} | ({} if "look" in path else {"name": "N", "password": PASSWORD})
            assert browser.post(path, json=body).status_code == 410


def test_first_links_end_once_there_is_an_administrator(tmp_path: Path) -> None:
    with running_team(tmp_path) as team:
        links = [
            given.secret for given in (first_link(team.store), first_link(team.store)) if given
        ]
        assert len(links) == 2  # a server that was started twice
        assert team.joined(links[0], "Ada").role is D
        for link in links:
            assert team.browser().post("/api/join/look", json={"link": link}).status_code == 410
        assert first_link(team.store) is None


def test_first_links_end_whichever_way_somebody_becomes_administrator(store: Store) -> None:
    from app.people import set_role
    from app.store import invitations

    given = first_link(store)
    assert given is not None
    account = made_member(store, A)
    with store.writing() as connection:
        set_role(connection, OPERATOR, account.id, D)
    with store.reading() as connection:
        assert invitations.find(connection, given.invitation.digest) is None


# --- names ----------------------------------------------------------------------------------------

INVISIBLE = {
    "nothing": "", "spaces": "  \u00a0\u3000 ", "zero width": "An\u200bna", "joiner": "An\u200dna",
    "turned": "\u202eannA",
    "isolate": "\u2066Anna", "mark": "Anna\u200f", "newline control": "An\u0007na", "nul": "An\u0000na",
    "soft": "An\u00adna",
    "filler": "\u3164", "half filler": "An\uffa0na", "choseong filler": "\u115fAnna", "braille blank": "\u2800\u2800",
    "grapheme joiner": "An\u034fna", "variation": "Anna\ufe0f", "mongolian": "An\u180ena",
    "tag": "Anna\U000e0041",
    "supplement": "Anna\U000e0100", "private": "An\ue000na", "unassigned": "An\u0378na", "khmer": "An\u17b4na",
    "41": "x" * 41, "musical": "An\U0001d173na", "annotation": "An\ufff9na", "bom": "\ufeffAnna",
}  # fmt: skip


@pytest.mark.parametrize("name", INVISIBLE.values(), ids=INVISIBLE.keys())
def test_names_that_could_pass_for_another_are_refused(name: str, team: Team, anna: Member) -> None:
    link = team.link()
    joining = {"link": link, "name": name, "password": PASSWORD}
    for answer in (
        team.browser().post("/api/join", json=joining),
        anna.client.patch("/api/me", json={"display_name": name}),
    ):
        assert answer.status_code == 422
        assert "a name has" in answer.json()["detail"]
    assert anna.client.get("/api/me").json()["display_name"] == anna.name


@pytest.mark.parametrize(
    "name", ["Zoë", "李小龙", "محمد", "Łukasz O'Neil-Ruiz", "Ὀδυσσεύς", "🦊 fox", "नमस्ते", "x" * 40]
)
def test_names_in_any_writing(name: str, team: Team, anna: Member) -> None:
    answer = anna.client.patch("/api/me", json={"display_name": name})
    assert answer.json()["display_name"] == name
    assert team.account(name).id == anna.id
    with_others = anna.client.patch("/api/me", json={"display_name": f"Free {uuid4().hex[:8]}"})
    assert with_others.status_code == 200


def test_whoever_renames_themselves_signs_in_by_the_new_name(team: Team, anna: Member) -> None:
    before, now = anna.name, f"Ｎｅｗ {uuid4().hex[:6]}"
    other = team.member(f"Otto {uuid4().hex[:6]}")
    assert anna.client.patch("/api/me", json={"display_name": now}).status_code == 200
    assert [team.sign_in(each).status_code for each in (before, now, now.lower())] == [
        401,
        200,
        200,
    ]
    for taken in (now, now.upper(), now.replace("Ｎｅｗ", "new"), f"  {now}"):
        assert other.client.patch("/api/me", json={"display_name": taken}).status_code == 409
    assert other.client.get("/api/me").json()["display_name"] == other.name
    assert (
        anna.client.patch("/api/me", json={"display_name": now.upper()}).status_code == 200
    )  # one's own
    taken_again = team.joined(team.link(), before)
    assert taken_again.person_id != anna.person_id


# --- what is a secret -----------------------------------------------------------------------------


def test_no_secret_is_in_the_database_or_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: dict[str, str] = {}
    with running_team(tmp_path, cookie_secret="c" * 20 + "secret of cookies 123") as team:
        given = first_link(team.store)
        assert given is not None
        ada = team.joined(given.secret, "Ada")
        told |= {"password": PASSWORD, "first link": given.secret, "session": ada.secret}
        invitation = ada.client.post("/api/invitations", json={}).json()["path"].partition("#")[2]
        token = ada.client.post("/api/tokens", json={"name": "t"}).json()["token"]
        anna = team.joined(invitation, "Anna")
        link = ada.client.post(f"/api/people/{anna.id}/reset").json()["path"].partition("#")[2]
        told |= {"invitation": invitation, "token": token, "reset": link, "another": anna.secret}
        for wrong in ("mistyped Passw0rd", "and 1 more mistyped"):
            team.sign_in("Anna", wrong)
            team.sign_in(wrong, "whatever it is")
            told |= {wrong: wrong}
        team.browser().post("/api/join", json={"link": link, "password": OTHER})
        ada.client.put("/api/me/password", json={"current": "wrong current", "password": OTHER})
        told |= {"other": OTHER, "current": "wrong current"}
        team.with_token(token).get("/api/me")
        team.with_token("rlhb_something that was never given").get("/api/me")
        ada.client.get("/api/audit.jsonl")
        told |= {
            "later session": ada.secret,
            "cookies": "secret of cookies 123",
            "token shown": "never given",
        }
        seen = ada.client.get("/api/audit").text + ada.client.get("/api/audit.jsonl").text
        seen += ada.client.get("/api/people").text + ada.client.get("/api/tokens").text
        seen += ada.client.get("/api/sessions").text + ada.client.get("/api/invitations").text
        seen += ada.client.get("/api/me/data").text
        with team.store.writing() as connection:
            connection.exec_driver_sql("SELECT 1")
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert any(file.name == "rlhb.sqlite" for file in files)
    for what, secret in told.items():
        assert secret not in caplog.text, what
        assert secret not in seen, what
        for file, content in files.items():
            assert secret.encode() not in content, (what, file)
            assert secret.encode("utf-16-le") not in content, (what, file)
    assert "$argon2id$" not in seen + caplog.text
    rows = sqlite3.connect(tmp_path / "rlhb.sqlite")
    found = [row for (row,) in rows.execute("SELECT password FROM account")]
    rows.close()
    assert all(row.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for row in found)


def test_no_answer_repeats_a_secret(team: Team, anna: Member) -> None:
    for path, body in (
        ("/api/sign-in", {"name": anna.name, "password": OTHER}),
        ("/api/sign-in", {"name": anna.name, "password": [OTHER]}),
        ("/api/sign-in", {"name": anna.name, "password": OTHER, "more": 1}),
        ("/api/sign-in", {"name": anna.name, "password": OTHER + "x" * 1000}),
        ("/api/join", {"link": OTHER, "name": 1, "password": OTHER}),
        ("/api/join", {"link": "x", "password": OTHER}),
        ("/api/join/look", {"link": OTHER, "y": OTHER}),
    ):
        answer = team.browser().post(path, json=body)
        assert answer.status_code in (401, 410, 422)
        assert OTHER not in answer.text, (path, answer.text)


# --- two web processes ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Team, Team]]:
    """Two web processes on one database, with folders of their own."""
    same = {
        "database_url": postgres.new_store(),
        "cookie_secret": "the same for both of them, " * 2,
    }
    folders = (tmp_path_factory.mktemp(name) for name in ("one", "other"))
    with running_team(next(folders), **same) as one, running_team(next(folders), **same) as other:
        one.first()
        yield one, other


def elsewhere(member: Member, team: Team) -> TestClient:
    """The same browser at another web process."""
    browser = team.showing(member.secret)
    browser.cookies.set("rlhb_person", member.client.cookies["rlhb_person"])
    return browser


def test_what_one_process_takes_back_is_gone_in_the_other(both: tuple[Team, Team]) -> None:
    one, other = both
    ada = Member(one.browser(), "Ada", uuid4(), uuid4(), D)
    assert one.sign_in("Ada", browser=ada.client).status_code == 200
    there = elsewhere(ada, other)
    anna = one.member("Anna", R)
    hers = elsewhere(anna, other)
    token = anna.client.post("/api/tokens", json={"name": "t"}).json()
    program = other.with_token(token["token"])
    assert (is_in(hers), is_in(program)) == (True, True)
    # another role
    there.patch(f"/api/people/{anna.id}", json={"role": "annotator"})
    assert [each.get("/api/runs").status_code for each in (anna.client, hers, program)] == [403] * 3
    there.patch(f"/api/people/{anna.id}", json={"role": "researcher"})
    # a token
    assert anna.client.delete(f"/api/tokens/{token['id']}").status_code == 204
    assert not is_in(program)
    # another password: here a new session begins, and the one that is shown there is over
    change = {"current": PASSWORD, "password": OTHER}
    assert anna.client.put("/api/me/password", json=change).status_code == 200
    assert (is_in(hers), is_in(elsewhere(anna, other))) == (False, True)
    assert [other.sign_in("Anna", each).status_code for each in (PASSWORD, OTHER)] == [401, 200]
    # signed out
    hers = elsewhere(anna, other)
    assert anna.client.post("/api/sign-out").status_code == 204
    assert not is_in(hers)
    # deactivated
    one.sign_in("Anna", OTHER, anna.client)
    hers = elsewhere(anna, other)
    assert is_in(hers)
    assert there.patch(f"/api/people/{anna.id}", json={"active": False}).status_code == 204
    assert (is_in(hers), is_in(anna.client)) == (False, False)
    # what no name can hold
    assert other.sign_in("An\u0000na", "nu\u0000l").json() == WRONG
    # a link
    link = one.link()
    looked = {"link": link}
    assert other.browser().post("/api/join/look", json=looked).status_code == 200
    one.joined(link, "Joined")
    assert other.browser().post("/api/join/look", json=looked).status_code == 410


@pytest.mark.usefixtures("quick")
def test_guesses_at_two_processes_are_counted_together(
    both: tuple[Team, Team], clock: Clock
) -> None:
    one, _ = both
    for name, address in (("Greta", "203.0.113.1"), ("Nobody there", "203.0.113.2")):
        if name == "Greta":
            one.member(name)
        found = [guess(team, name, address, 1)[0] for team in both * 3]
        assert found == [401] * FREE_BY_NAME + [429]
        begun = threading.Barrier(20)
        name = f"{name} again"

        def tried(each: int, name: str = name, begun: threading.Barrier = begun) -> int:
            begun.wait()
            return guess(both[each % 2], name, f"198.51.100.{each}", 1)[0]

        with ThreadPoolExecutor(20) as threads:
            found = sorted(threads.map(tried, range(20)))
        assert found == [401] * FREE_BY_NAME + [429] * (20 - FREE_BY_NAME)


def test_a_simulated_person_erased_at_one_process_stays_simulated_at_the_other(
    both: tuple[Team, Team],
) -> None:
    one, other = both
    played = {"x-rlhb-simulated": "Sim of both"}
    rita = one.member("Rita", R)
    there = elsewhere(rita, other)
    for client in (rita.client, there):
        assert client.get("/api/me", headers=played).json()["source"] == "simulated"
    assert (
        rita.client.post("/api/me/erase", json={"confirm": True}, headers=played).status_code == 200
    )
    assert there.get("/api/me", headers=played).json()["source"] == "simulated"


# --- from alone to accounts, and back -------------------------------------------------------------


def test_from_alone_to_accounts_and_back_every_row_stays(tmp_path: Path) -> None:
    from app.store import people
    from tests.scene import act, asked, best

    def exported(client: TestClient) -> dict[str, list[str]]:
        kinds = ("triplets", "comparisons", "preferences", "labels")
        return {
            kind: client.get(f"/api/data/{kind}.jsonl?with_people=true").text.splitlines()
            for kind in kinds
        }

    with running(tmp_path) as alone:
        found = alone.get("/api/me").json()
        assert (found["asked"], found["recording"]) == (False, True)  # nobody is asked for consent
        asking = alone.get("/api/me/consent").json()
        assert (asking["version"], asking["html"]) == ("", "")
        answered = alone.post("/api/me/consent", json={"version": "x", "agreed": True})
        assert answered.status_code == 409
        me = UUID(found["id"])
        cookie = alone.cookies["rlhb_person"]
        alone.patch("/api/me", json={"display_name": "Just me"})
        with alone.app.state.store.writing() as connection:  # type: ignore[attr-defined]
            for text in ("How many moons has Mars?", "Why is the sky dark?", "Who was first?"):
                query, answers = asked(connection, people.get(connection, me), text)
                told = [
                    best(query, answers[1]),
                    act("like", query, answers[0]),
                    act("copy", query, answers[2], chars=4),
                ]
                body = {
                    "sent_ms": now_ms(),
                    "signals": [each.model_dump(mode="json") for each in told],
                }
                later_on = body
                (connection.info.setdefault("told", [])).append(later_on)
            bodies = connection.info.pop("told")
        for body in bodies:
            assert alone.post("/api/signals", json=body).json()["new"] == 3
        counted = alone.get("/api/me").json()
        before, mine = exported(alone), alone.get("/api/me/data").text.splitlines()
    assert (counted["queries"], counted["voted"]) == (3, 3)
    assert {kind: bool(lines) for kind, lines in before.items()} == dict.fromkeys(before, True)

    with running_team(tmp_path) as team:
        browser = team.browser()
        browser.cookies.set("rlhb_person", cookie)
        assert browser.get("/api/me").status_code == 401
        ada = team.first("Ada", browser)
        assert ada.person_id == me
        found = ada.client.get("/api/me").json()
        assert (found["queries"], found["voted"], found["account"]) == (3, 3, True)
        assert (found["asked"], found["recording"]) == (True, False)  # not before they are asked
        assert exported(ada.client) == before
        told_now = ada.client.get("/api/me/data").text.splitlines()
        assert told_now[1:] == mine[1:]  # but for the name and the pause
        anna = team.browser()
        anna.cookies.set("rlhb_person", cookie)  # the same browser, by a second link
        assert team.joined(team.link(), "Anna", anna).person_id != me

    with running(tmp_path) as alone:
        alone.cookies.set("rlhb_person", cookie)
        again = alone.get("/api/me").json()
        assert (again["id"], again["queries"], again["voted"], again["account"]) == (
            str(me),
            3,
            3,
            False,
        )
        assert exported(alone) == before
        with_session = Team(alone).showing(ada.secret)
        assert with_session.get("/api/me").json()["id"] != str(me)  # a session is no way in here
        for path in ("/api/people", "/api/sessions", "/api/audit", "/api/tokens", "/api/sign-in"):
            assert alone.get(path).status_code == 404


def test_accounts_want_a_way_that_nobody_listens_on(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="passwords want TLS"):
        create_app(Settings(data_dir=tmp_path, team=True))
    with pytest.raises(ValueError, match=re.escape("insecure_http is for a loopback or private")):
        create_app(Settings(data_dir=tmp_path, team=True, insecure_http=True, host="8.8.8.8"))


def test_signing_in_says_where_the_first_link_stands(tmp_path: Path) -> None:
    with running_team(tmp_path / "data") as team:
        assert "There is no administrator yet." in team.browser().get("/sign-in").text
        team.first()
        page = team.browser().get("/sign-in").text
        assert "There is no administrator yet." not in page
        assert "An administrator can give you a link." in page
