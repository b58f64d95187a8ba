"""The audit log: who did what, when, from where; written by doing it, changed by nobody, deleted when it is old."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from app.people import first_link, note_settings
from app.people.people import DAY_MS
from app.people.tidying import tidy
from app.settings import Settings
from app.store import AuditEntry, AuditKind, Role, Store, Via, audit, runs, versions
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import ModelVersion, Run
from tests.scene import best
from tests.team import (
    OFFICE,
    PASSWORD,
    Member,
    Team,
    heard,
    made_member,
    made_session,
    made_token,
    press,
    running_team,
)

A, R, D = Role.ANNOTATOR, Role.RESEARCHER, Role.ADMINISTRATOR
NETWORK = "192.0.2.0/24"
"""That of the office."""
OTHER = "a second Falke, 18 umbrellas"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("data")) as team:
        yield team


@pytest.fixture(scope="module")
def ada(team: Team) -> Member:
    return team.first()


@pytest.fixture
def anna(team: Team, ada: Member) -> Member:
    return team.member(f"Anna {uuid4().hex[:8]}")


@pytest.fixture
def rita(team: Team, ada: Member) -> Member:
    return team.member(f"Rita {uuid4().hex[:8]}", R)


class Written:
    """What is written while a block lasts."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.lines: list[dict[str, Any]] = []

    def __enter__(self) -> "Written":
        self.before = {line["id"] for line in self.team.lines()}
        self.began_ms = now_ms()
        return self

    def __exit__(self, *_: object) -> None:
        self.lines = [line for line in self.team.lines() if line["id"] not in self.before]
        for line in self.lines:
            assert self.began_ms <= line["at_ms"] <= now_ms()

    def is_one(
        self,
        kind: str,
        whose: Member | None,
        about: UUID | None = None,
        via: str = "session",
        address: str = NETWORK,
        **what: Any,
    ) -> dict[str, Any]:
        """Exactly one line was written, and this is what it says."""
        (line,) = self.lines
        who = str(whose.id) if whose else None
        whom = str(about) if about else None
        assert (line["kind"], line["account_id"], line["about_id"]) == (kind, who, whom)
        assert (line["via"], line["address"]) == (via, address)
        assert what.items() <= line["what"].items()
        assert line["account"] == (whose.name if whose else None)
        return line


# --- each kind ------------------------------------------------------------------------------------


def test_the_first_one_joins(team: Team, ada: Member) -> None:
    (line,) = [each for each in team.lines(kind="join") if each["account_id"] == str(ada.id)]
    assert (line["via"], line["address"]) == ("session", NETWORK)
    assert line["what"]["role"] == "administrator"


def test_signing_in_and_out(team: Team, anna: Member) -> None:
    browser = team.browser("2001:db8:7:1::99")
    with Written(team) as written:
        team.sign_in(anna.name, browser=browser)
    written.is_one("sign_in", anna, address="2001:db8:7::/48", by="password")
    with Written(team) as written:
        browser.post("/api/sign-out")
    written.is_one("sign_out", anna, address="2001:db8:7::/48")
    with Written(team) as written:
        anna.client.delete("/api/sessions")
    written.is_one("sign_out", anna, sessions=1)
    team.sign_in(anna.name, browser=anna.client)
    (session,) = anna.client.get("/api/sessions").json()
    with Written(team) as written:
        anna.client.delete(f"/api/sessions/{session['id']}")
    written.is_one("sign_out", anna, sessions=1)


def test_signing_in_that_fails(team: Team, anna: Member) -> None:
    with Written(team) as written:
        team.sign_in(anna.name, "my other Passw0rd")
    written.is_one("sign_in_failed", None, anna.id, via="stranger", why="password")
    with Written(team) as written:
        team.sign_in("Passw0rd typed as a name", "x")
    line = written.is_one("sign_in_failed", None, via="stranger", why="password")
    assert "Passw0rd" not in json.dumps(line)
    gone = made_member(
        team.store, A, deactivated_ms=now_ms(), password=team.account(anna.name).password
    )
    with Written(team) as written:
        team.sign_in(gone.name)
    written.is_one("sign_in_failed", None, gone.id, via="stranger", why="deactivated")


def test_inviting_and_joining(team: Team, ada: Member) -> None:
    with Written(team) as written:
        made = ada.client.post("/api/invitations", json={"role": "researcher", "uses": 3}).json()
    written.is_one("invite", ada, role="researcher", uses=3, invitation=made["id"])
    link = made["path"].partition("#")[2]
    with Written(team) as written:
        rob = team.joined(link, f"Rob {uuid4().hex[:6]}")
    written.is_one("join", rob, role="researcher", invitation=made["id"])
    with Written(team) as written:
        ada.client.delete(f"/api/invitations/{made['id']}")
    line = written.is_one("invite", ada, withdrawn=made["id"])
    assert link not in json.dumps(line)


def test_passwords(team: Team, ada: Member, anna: Member) -> None:
    with Written(team) as written:
        anna.client.put("/api/me/password", json={"current": PASSWORD, "password": OTHER})
    written.is_one("password", anna, by="oneself")
    with Written(team) as written:
        anna.client.put("/api/me/password", json={"current": "no", "password": OTHER})
    written.is_one("sign_in_failed", None, anna.id, via="stranger", why="current password")
    with Written(team) as written:
        path = ada.client.post(f"/api/people/{anna.id}/reset").json()["path"]
    written.is_one("password", ada, anna.id, by="administrator")
    joining = {"link": path.partition("#")[2], "password": PASSWORD}
    with Written(team) as written:
        team.browser().post("/api/join", json=joining)
    written.is_one("password", anna, by="link")


def test_roles_and_activation(team: Team, ada: Member, anna: Member) -> None:
    path = f"/api/people/{anna.id}"
    with Written(team) as written:
        ada.client.patch(path, json={"role": "researcher"})
    written.is_one("role", ada, anna.id, before="annotator", after="researcher")
    for active in (False, True):
        with Written(team) as written:
            ada.client.patch(path, json={"active": active})
        written.is_one("activation", ada, anna.id, active=active)
    with Written(team) as written:
        ada.client.patch(path, json={"role": "researcher", "active": True})
    assert written.lines == []  # nothing has changed
    team.sign_in(anna.name)
    with Written(team) as written:
        ada.client.delete(f"{path}/sessions")
    written.is_one("sign_out", ada, anna.id, sessions=1)


def test_tokens(team: Team, rita: Member) -> None:
    with Written(team) as written:
        made = rita.client.post("/api/tokens", json={"name": "nightly export"}).json()
    line = written.is_one("token", rita, made=made["id"], role="researcher")
    assert made["token"] not in json.dumps(line)
    program = team.with_token(made["token"])
    with Written(team) as written:
        program.get("/api/data/triplets.jsonl")
    line = written.is_one("export", rita, via="token", what="triplets")
    assert line["token_id"] == made["id"]
    with Written(team) as written:
        rita.client.delete(f"/api/tokens/{made['id']}")
    written.is_one("token", rita, revoked=made["id"])


def test_exports_and_imports(team: Team, rita: Member, anna: Member) -> None:
    query, answers = team.asked_by(anna, "Does Zwölfender snore?")
    anna.reacts(best(query, answers[0]))
    for kind in ("triplets", "comparisons", "preferences", "labels"):
        with Written(team) as written:
            found = rita.client.get(
                f"/api/data/{kind}.jsonl?with_people=true&source=real&source=simulated"
            )
        line = written.is_one("export", rita, what=kind)
        assert "simulated" in line["what"]["data"]
    del found
    lines = rita.client.get("/api/data/triplets.jsonl").content
    with Written(team) as written:
        answer = rita.client.post(
            "/api/data/import", files=[("files", ("a.jsonl", lines + b"{}\n"))]
        )
    told = answer.json()
    assert [line["what"] for line in written.lines] == [
        {"begun": 1},
        {each: told[each] for each in ("imported", "skipped", "failed")},
    ]
    assert {(line["kind"], line["account"]) for line in written.lines} == {("import", rita.name)}
    with Written(team) as written:
        looked = rita.client.post(
            "/api/data/import?dry=true", files=[("files", ("a.jsonl", lines + b"{}\n"))]
        )
    assert (looked.json()["dry"], looked.json()["failed"]) == (True, 1)
    assert list(written.lines) == [], "nothing was brought"
    bad = [("files", ("a.csv", b"q\n1\n")), ("files", ("m.toml", b"name = 3"))]
    with Written(team) as written:
        assert rita.client.post("/api/data/import", files=bad).status_code == 422
    assert written.is_one("import", rita)["what"] == {"begun": 2}


def test_erasing(team: Team, ada: Member) -> None:
    anna, ben, cleo = (team.member(f"{name} {uuid4().hex[:6]}") for name in ("Anna", "Ben", "Cleo"))
    with Written(team) as written:
        anna.client.post("/api/me/erase", json={"confirm": True})
    written.is_one("erasure", anna, anna.id, records=True)
    with Written(team) as written:
        ada.client.post(f"/api/people/{ben.id}/erase", json={"confirm": True})
    written.is_one("erasure", ada, ben.id, records=True)
    with Written(team) as written:
        cleo.client.post("/api/me/erase", json={"confirm": True, "account": True})
    assert [(each["kind"], each["about_id"]) for each in written.lines] == [
        ("erasure", str(cleo.id))
    ] * 2
    assert {"account", "records"} == {name for each in written.lines for name in each["what"]}


@pytest.fixture
def pretended(team: Team, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that is stored and that no process computes."""
    run = Run(arm=Arm.RLHB, recipe="rlhb", folder=str(team.app.state.settings.runs_dir / "none"))
    with team.store.writing() as connection:
        runs.add(connection, run)
    for verb in ("start", "stop", "resume"):
        monkeypatch.setattr(team.app.state.training, verb, lambda _: run)
    return run


def test_runs(team: Team, rita: Member, pretended: Run) -> None:
    with Written(team) as written:
        assert rita.client.post("/api/runs", json={"arm": "rlhb"}).status_code == 201
    written.is_one("run", rita, started=str(pretended.id), arm="rlhb")
    for verb, said in (("stop", "stopped"), ("resume", "resumed")):
        with Written(team) as written:
            assert rita.client.post(f"/api/runs/{pretended.id}/{verb}").status_code == 200
        line = written.is_one("run", rita, arm="rlhb")
        assert line["what"][said] == str(pretended.id)


def test_a_run_that_the_page_starts(team: Team, rita: Member, pretended: Run) -> None:
    tab = uuid4().hex
    form = ["rlhb", ["real"], "", None, None, *[""] * 7]
    with Written(team) as written:
        assert press(rita.client, "/runs", "start", form, tab=tab).status_code == 200
        assert "has begun" in heard(rita.client, "/runs", tab)
    written.is_one("run", rita, started=str(pretended.id), arm="rlhb")


def test_what_is_not_done_is_not_noted(team: Team, anna: Member, rita: Member) -> None:
    with Written(team) as written:
        for client, role in ((anna.client, A), (rita.client, R)):
            client.post("/api/runs", json={"arm": "none"})
            client.post(f"/api/versions/{uuid4()}/serve", json={"override": True})
            client.post("/api/deployments/rollback", json={})
            client.delete(f"/api/tokens/{uuid4()}")
            client.post("/api/tokens", json={"name": "t", "role": "administrator"})
            client.patch(f"/api/people/{uuid4()}", json={"role": "annotator"})
            client.post("/api/me/erase", json={"confirm": False})
            press(client, "/runs", "start", ["rlhb", [], "", "rlhb", "", *[""] * 7])
            del role
        team.browser().get("/api/audit")
        team.browser().post("/api/join", json={"link": "x", "name": "N", "password": PASSWORD})
    assert written.lines == []


def test_into_compare_and_out(team: Team, ada: Member) -> None:
    with team.store.writing() as connection:
        one = versions.add(connection, ModelVersion(name="one", arm=Arm.SFT, base="embedded"))
    with Written(team) as written:
        assert ada.client.post(f"/api/versions/{one.id}/serve", json={}).status_code == 200
    written.is_one("compare", ada, put_in=str(one.id), override=False)
    with Written(team) as written:
        back = ada.client.post("/api/deployments/rollback").json()
    written.is_one("compare", ada, back_to=back["served"])
    ada.client.post(f"/api/versions/{one.id}/serve", json={})
    with Written(team) as written:
        assert ada.client.post(f"/api/versions/{one.id}/unserve").status_code == 200
    written.is_one("compare", ada, taken_out=str(one.id))


def test_what_is_looked_at_or_said_is_not_noted(team: Team, ada: Member, anna: Member) -> None:
    query, answers = team.asked_by(anna, "Does my Zwölfender snore?")
    with Written(team) as written:
        anna.reacts(best(query, answers[0]))
        anna.client.get("/api/me")
        anna.client.get("/api/me/data")
        for path in (
            "/",
            "/runs/",
            "/people",
            "/api/people",
            "/api/audit",
            "/api/runs",
        ):
            ada.client.get(path)
    assert written.lines == []
    whole = json.dumps(team.lines(), ensure_ascii=False)
    for word in ("Zwölfender", "Phobos", "snore", "moons"):
        assert word not in whole


def test_another_name_and_the_log_itself(team: Team, ada: Member) -> None:
    member = team.member(f"Bea {uuid4().hex[:6]}")
    with Written(team) as written:
        member.name = f"Bea {uuid4().hex[:6]}"
        member.client.patch("/api/me", json={"display_name": member.name})
    assert written.is_one("name", member)["what"] == {}
    with Written(team) as written:
        ada.client.get("/api/audit.jsonl")
    assert written.is_one("export", ada)["what"]["what"] == "the audit log"


def test_an_operators_token_is_named_on_the_page(team: Team, ada: Member) -> None:
    program = team.with_token(made_token(team.store, R))
    with Written(team) as written:
        program.get("/api/data/labels.jsonl")
    line = written.is_one("export", None, via="token")
    (shown, *_) = ada.client.get("/api/audit?limit=1").json()
    assert (shown["id"], shown["who"], shown["via"]) == (line["id"], "script", "token")


# --- settings -------------------------------------------------------------------------------------


def test_settings_that_changed_are_noted_at_the_start(store: Store, tmp_path: Path) -> None:
    secret, later = "first of all secrets, long enough", "second of all secrets, long enough"

    def noted(**chosen: Any) -> list[AuditEntry]:
        note_settings(store, Settings(data_dir=tmp_path, **chosen), "of the server")
        with store.reading() as connection:
            return list(reversed(audit.newest(connection)))

    with_team = {"team": True, "insecure_http": True}
    (first,) = noted(cookie_secret=secret, **with_team)
    assert (first.kind, first.via, first.account_id, first.address) == (
        "settings",
        "server",
        None,
        "",
    )
    assert "team" in first.what["changed"]
    assert len(noted(cookie_secret=secret, **with_team)) == 1  # nothing has changed
    _, second = noted(cookie_secret=later, audit_days=100, **with_team)
    assert second.what["changed"] == {"audit_days": ["365", "100"], "cookie_secret": "changed"}
    lines = noted(cookie_secret=later)
    assert set(lines[-1].what["changed"]) == {"team", "insecure_http", "audit_days"}
    whole = "".join(line.model_dump_json() for line in lines)
    for each in (secret, later):
        assert each not in whole


def test_no_secret_of_the_settings_is_noted(tmp_path: Path) -> None:
    told = {
        "cookie_secret": "secret of the cookies, so long",
        "proxy_secret": "secret of the proxy, so very long",
        "openid_client_secret": "secret of the provider",
    }
    told = {name: f"{value} {uuid4().hex}" for name, value in told.items()}
    more = {
        "behind_proxy": True, "proxy_user_header": "x-user", "public_url": "https://label.example.org",
        "openid_issuer": "https://id.example.org", "openid_client_id": "rlhb",
    }  # fmt: skip
    with running_team(tmp_path, **told, **more) as team:
        (line,) = team.lines(kind="settings")
    assert set(told) < set(line["what"]["changed"])
    assert [name for name, value in told.items() if value in json.dumps(line)] == []
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert [
                name for name, value in told.items() if value.encode() in file.read_bytes()
            ] == []


# --- it stays as it is ----------------------------------------------------------------------------


def entry(age_days: float = 0, **fields: Any) -> AuditEntry:
    return AuditEntry(
        kind=AuditKind.SIGN_IN, via=Via.SESSION, at_ms=now_ms() - int(age_days * DAY_MS), **fields
    )


@pytest.mark.parametrize(
    "change",
    ["UPDATE audit SET address = 'elsewhere'", "UPDATE audit SET at_ms = 0", "UPDATE audit SET what = '{}'",
     "UPDATE audit SET account_id = NULL WHERE at_ms > 0",
     "DELETE FROM audit", "DELETE FROM audit WHERE kind = 'sign_in'"],
)  # fmt: skip
def test_nobody_changes_a_line(change: str, store: Store) -> None:
    with store.writing() as connection:
        audit.add(connection, entry(what={"by": "password"}))
    with store.reading() as connection:
        before = audit.newest(connection)
    with pytest.raises(Exception, match="append-only"), store.writing() as connection:
        connection.execute(sa.text(change))
    with store.reading() as connection:
        assert audit.newest(connection) == before


def test_old_lines_are_not_changed_either(store: Store) -> None:
    with store.writing() as connection:
        audit.add(connection, entry(400))
    with pytest.raises(Exception, match="append-only"), store.writing() as connection:
        connection.execute(sa.text("UPDATE audit SET address = 'elsewhere'"))


def test_lines_are_deleted_when_they_are_old_and_not_before(store: Store, tmp_path: Path) -> None:
    ages = (0, 0.9, 1.1, 29, 31, 400)
    with store.writing() as connection:
        for age in ages:
            audit.add(connection, entry(age, what={"age": age}))

    def left() -> list[float]:
        with store.reading() as connection:
            return [each.what["age"] for each in audit.newest(connection)]

    tidy(store, Settings(data_dir=tmp_path, audit_days=365))
    assert left() == [0, 0.9, 1.1, 29, 31]
    tidy(store, Settings(data_dir=tmp_path, audit_days=30))
    assert left() == [0, 0.9, 1.1, 29]
    tidy(store, Settings(data_dir=tmp_path, audit_days=1))
    assert left() == [0, 0.9]
    with pytest.raises(Exception, match="append-only"), store.writing() as connection:
        audit.forget_old(connection, now_ms() + 1)
    assert left() == [0, 0.9]


def test_what_is_over_is_tidied_away(store: Store, tmp_path: Path) -> None:
    account = made_member(store, A)
    for fields in ({}, {"seen_ms": now_ms() - 4 * DAY_MS}, {"created_ms": now_ms() - 31 * DAY_MS}):
        made_session(store, account, **fields)
    from app.store import sessions

    tidy(store, Settings(data_dir=tmp_path))
    with store.reading() as connection:
        assert len(sessions.of_account(connection, account.id)) == 1


# --- read back ------------------------------------------------------------------------------------


def pages_of(client: TestClient, limit: int, kind: str = "") -> list[dict[str, Any]]:
    """All lines as the page shows them, so many at a time."""
    found: list[dict[str, Any]] = []
    only = f"&kind={kind}" if kind else ""
    while True:
        before = f"&before_ms={found[-1]['at_ms']}&before_id={found[-1]['id']}" if found else ""
        lines = client.get(f"/api/audit?limit={limit}{only}{before}").json()
        if not lines:
            return found
        found += lines


def test_the_export_is_what_the_page_shows(team: Team, ada: Member) -> None:
    with team.store.writing() as connection:  # many of one moment, so that ids decide
        for _ in range(20):
            audit.add(connection, entry(0.5).model_copy(update={"at_ms": now_ms() - 1_000}))
    answer = ada.client.get("/api/audit.jsonl")
    assert answer.headers["content-disposition"].startswith("attachment")
    exported = [json.loads(line) for line in answer.text.splitlines()]
    assert len(exported) > 25
    known = {each["id"] for each in exported}
    for limit in (7, 500):
        shown = [each for each in pages_of(ada.client, limit) if each["id"] in known]
        assert [each["id"] for each in reversed(shown)] == [each["id"] for each in exported]
        for line, row in zip(reversed(shown), exported, strict=True):
            for name in ("id", "at_ms", "kind", "via", "address", "what"):
                assert line[name] == row[name]
            assert line["about"] == (row["about"] or "")
            if row["account_id"]:
                assert line["who"] == (row["account"] or "")
    joins = pages_of(ada.client, 3, "join")
    assert [each["id"] for each in reversed(joins)] == [
        each["id"] for each in exported if each["kind"] == "join"
    ]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "kind=none", "before_ms=-1", "before_id=x"]
)
def test_what_no_page_asks(query: str, ada: Member) -> None:
    assert ada.client.get(f"/api/audit?{query}").status_code == 422


def test_a_name_vanishes_with_its_account(team: Team, ada: Member) -> None:
    name = f"Wilhelmine {uuid4().hex[:20]}"
    member = team.joined(team.link(R), name)
    member.client.post("/api/tokens", json={"name": "hers"})
    ada.client.patch(f"/api/people/{member.id}", json={"role": "annotator"})
    for read in ("/api/audit?limit=500", "/api/audit.jsonl"):
        assert name in ada.client.get(read).text
    lines = len(team.lines(kind="erasure"))
    erased = ada.client.post(
        f"/api/people/{member.id}/erase", json={"confirm": True, "account": True}
    )
    assert erased.status_code == 200
    for read in ("/api/audit?limit=500", "/api/audit.jsonl"):
        assert name not in ada.client.get(read).text
    assert (
        len(team.lines(kind="erasure")) == lines + 2
    )  # what happened stays, by an id that is nobody's
    assert str(member.id) in ada.client.get("/api/audit.jsonl").text


def test_a_line_tells_no_address_but_its_network(team: Team) -> None:
    whole = json.dumps(team.lines())
    assert not re.search(rf"{re.escape(OFFICE)}\.[1-9]", whole)
    assert NETWORK in whole
    assert first_link(team.store) is None
