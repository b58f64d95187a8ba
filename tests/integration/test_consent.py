"""Consent: nothing of how somebody reads is stored before they agreed to the text that counts now; what they say is."""

import asyncio
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from app.main import create_app
from app.people import Consents, Standing
from app.rendering import text_of_operator
from app.settings import Settings
from app.store import Role, Store, people, signals
from rlhb_core.errors import BadConfig
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Person, Query, Response, Source
from rlhb_core.schema.signals import Signal
from tests.scene import act, asked, best, someone
from tests.team import Member, Team, running, running_team

A, R, D = Role.ANNOTATOR, Role.RESEARCHER, Role.ADMINISTRATOR


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("data")) as team:
        team.first()
        yield team


@pytest.fixture
def anna(team: Team) -> Member:
    """Somebody who has joined and was not asked yet."""
    return team.joined(team.link(), f"Anna {uuid4().hex[:8]}")


def me(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/me").json()
    return found


def answers(client: TestClient, agreed: bool) -> Any:
    """Say yes or no to the text as it is shown."""
    version = client.get("/api/me/consent").json()["version"]
    return client.post("/api/me/consent", json={"version": version, "agreed": agreed})


def reading(query: Query, answer: Response) -> tuple[Signal, ...]:
    """What is recorded of how somebody reads."""
    return (
        act("copy", query, answer, after_ms=50_000, chars=4),
        act("copy", query, answer, after_ms=52_000, chars=9),
    )


def kinds(store: Store, query: Query) -> list[str]:
    with store.reading() as connection:
        return sorted(each.kind for each in signals.of_query(connection, query.id))


# --- asked, answered, asked anew ------------------------------------------------------------------


def test_before_an_answer_what_is_said_is_stored_and_nothing_else(team: Team, anna: Member) -> None:
    assert (me(anna.client)["asked"], me(anna.client)["recording"]) == (True, False)
    query, written = team.asked_by(anna)
    told = (*reading(query, written[0]), best(query, written[1]), act("like", query, written[0]))
    assert anna.reacts(*told).json() == {"received": 4, "new": 2}
    assert kinds(team.store, query) == ["like", "vote"]
    assert me(anna.client)["voted"] == 1
    asked_for = anna.client.patch("/api/me", json={"recording": True})
    assert (asked_for.status_code, me(anna.client)["recording"]) == (403, False)
    assert "answer first" in asked_for.json()["detail"]


def test_yes(team: Team, anna: Member) -> None:
    answer = answers(anna.client, True)
    assert (answer.json()["asked"], answer.json()["recording"]) == (False, True)
    query, written = team.asked_by(anna)
    told = (*reading(query, written[0]), best(query, written[1]))
    assert anna.reacts(*told).json()["new"] == 3
    assert kinds(team.store, query) == ["copy", "copy", "vote"]


def test_no(team: Team, anna: Member) -> None:
    answer = answers(anna.client, False)
    assert (answer.json()["asked"], answer.json()["recording"]) == (False, False)
    query, written = team.asked_by(anna)
    told = (*reading(query, written[0]), best(query, written[1]))
    assert anna.reacts(*told).json()["new"] == 1
    assert kinds(team.store, query) == ["vote"]


def test_after_a_no_only_a_yes_turns_recording_on(team: Team, anna: Member) -> None:
    assert not me(anna.client)["declined"]
    answers(anna.client, True)
    answers(anna.client, False)
    assert (me(anna.client)["declined"], me(anna.client)["recording"]) == (True, False)
    anna.client.patch("/api/me", json={"recording": False})
    asked_for = anna.client.patch("/api/me", json={"recording": True})
    assert (asked_for.status_code, me(anna.client)["recording"]) == (403, False)
    assert "answer anew" in asked_for.json()["detail"]
    answer = answers(anna.client, True).json()
    assert (answer["declined"], answer["recording"]) == (False, True)


def test_minds_change(team: Team, anna: Member) -> None:
    said = (True, False, False, True)
    for agreed in said:
        assert answers(anna.client, agreed).json()["recording"] is agreed
    query, written = team.asked_by(anna)
    assert anna.reacts(*reading(query, written[0])).json()["new"] == 2
    paused = anna.client.patch("/api/me", json={"recording": False}).json()
    assert (paused["recording"], paused["asked"]) == (False, False)
    assert anna.client.patch("/api/me", json={"recording": True}).json()["recording"]
    lines = anna.client.get("/api/me/data").text.splitlines()
    mine = [line for line in lines if line.startswith('{"type":"consent"')]
    assert [('"agreed":true' in line) for line in mine] == list(said)  # each answer stays
    version = anna.client.get("/api/me/consent").json()["version"]
    assert all(f'"version":"{version}"' in line for line in mine)


def test_an_answer_is_to_the_text_that_was_shown(team: Team, anna: Member) -> None:
    for version in ("", "0" * 16, "x", "\u0000", "' OR 1=1"):
        answer = anna.client.post("/api/me/consent", json={"version": version, "agreed": True})
        assert answer.status_code == 409
        assert "load it again" in answer.json()["detail"]
    for body in (
        {"agreed": True},
        {"version": "x"},
        {"version": "x", "agreed": True, "person_id": str(uuid4())},
    ):
        assert anna.client.post("/api/me/consent", json=body).status_code == 422
    assert (me(anna.client)["asked"], me(anna.client)["recording"]) == (True, False)


def test_nobody_answers_for_another(team: Team, anna: Member) -> None:
    ben = team.joined(team.link(), f"Ben {uuid4().hex[:8]}")
    answers(anna.client, True)
    assert me(ben.client)["asked"]


def test_erasing_removes_the_answers_and_asks_again(team: Team, anna: Member) -> None:
    answers(anna.client, True)
    query, written = team.asked_by(anna)
    anna.reacts(best(query, written[0]))
    erased = anna.client.post("/api/me/erase", json={"confirm": True}).json()
    assert (erased["asked"], erased["recording"], erased["queries"]) == (True, False, 0)
    with team.store.reading() as connection:
        left = connection.execute(
            sa.text("SELECT count(*) FROM consent WHERE person_id = :id"),
            {"id": anna.person_id.hex},
        ).scalar_one()
    assert left == 0
    assert '"type":"consent"' not in anna.client.get("/api/me/data").text
    query, written = team.asked_by(anna)
    assert anna.reacts(*reading(query, written[0])).json()["new"] == 0
    assert answers(anna.client, True).json()["recording"]


def test_people_whom_programs_play_are_not_asked(team: Team) -> None:
    rita = team.member(f"Rita {uuid4().hex[:6]}", R)
    played = {"x-rlhb-simulated": f"Sim {uuid4().hex}"}
    found = rita.client.get("/api/me", headers=played).json()
    assert (found["asked"], found["recording"]) == (False, True)
    with team.store.writing() as connection:
        query, written = asked(connection, people.get(connection, UUID(found["id"])))
    told = [each.model_dump(mode="json") for each in reading(query, written[0])]
    body = {"sent_ms": now_ms(), "signals": told}
    assert rita.client.post("/api/signals", json=body, headers=played).json()["new"] == 2
    assert me(rita.client)["asked"]  # the researcher is


# --- which text -----------------------------------------------------------------------------------


def version_of(folder: Path, text: str, **chosen: Any) -> Consents:
    file = folder / "consent.md"
    file.write_text(text, encoding="utf-8")
    return Consents(Settings(data_dir=folder, consent=file, **chosen))


def test_a_new_text_asks_everybody_anew(store: Store, tmp_path: Path) -> None:
    first, second = version_of(tmp_path, "# One"), version_of(tmp_path, "# Two")
    assert first.version != second.version
    first.begin(store)
    with store.writing() as connection:
        anna, sim = someone(connection), someone(connection, Source.SIMULATED)
        first.answer(connection, anna.id, first.version, True)
    first.begin(store)  # the same text, another start
    with store.reading() as connection:
        assert people.get(connection, anna.id).recording
        assert first.standing(connection, anna) is not Standing.DUE
    second.begin(store)
    with store.reading() as connection:
        assert not people.get(connection, anna.id).recording
        assert people.get(connection, sim.id).recording
        assert second.standing(connection, anna) is Standing.DUE
        assert second.standing(connection, sim) is not Standing.DUE
        texts = connection.execute(sa.text("SELECT version, text FROM consent_text")).fetchall()
    assert {tuple(row) for row in texts} == {(first.version, "# One"), (second.version, "# Two")}


def test_who_agreed_to_another_text_is_not_recorded_under_an_old_one(
    store: Store, tmp_path: Path
) -> None:
    """Back to the first text: whoever came since has not answered to that one."""
    first, second = version_of(tmp_path, "# One"), version_of(tmp_path, "# Two")
    first.begin(store)
    second.begin(store)
    with store.writing() as connection:
        anna = someone(connection, recording=False)
        second.answer(connection, anna.id, second.version, True)
    first.begin(store)
    with store.reading() as connection:
        assert first.standing(connection, anna) is Standing.DUE
        assert not people.get(connection, anna.id).recording


def test_who_came_while_nobody_was_asked_is_not_recorded_afterwards(
    store: Store, tmp_path: Path
) -> None:
    asking = version_of(tmp_path, "# One")
    asking.begin(store)
    Consents(Settings(data_dir=tmp_path)).begin(store)  # alone, without a text
    with store.writing() as connection:
        anna = someone(connection)
    asking.begin(store)
    with store.reading() as connection:
        assert not people.get(connection, anna.id).recording


def test_alone_with_a_text_nothing_is_recorded_before_an_answer(tmp_path: Path) -> None:
    file = tmp_path / "consent.md"
    file.write_text("May we?", encoding="utf-8")

    async def asks(person_id: UUID) -> Person:
        """What is stored of a person who has only just asked something, whatever answers."""
        comparing = alone.app.state.comparing  # type: ignore[attr-defined]
        drawn = comparing._stored.draw(person_id, "How many moons?", None)
        with store.reading() as connection:
            assert not connection.execute(
                sa.text("SELECT recorded FROM query WHERE id = :id"), {"id": drawn.query.id.hex}
            ).scalar_one()
            return people.get(connection, person_id)

    with running(tmp_path / "data", consent=file) as alone:
        store = alone.app.state.store  # type: ignore[attr-defined]
        here = UUID(me(alone)["id"])
        assert (me(alone)["asked"], me(alone)["recording"]) == (True, False)
        assert not asyncio.run(asks(here)).recording
        assert not me(alone)["recording"]
        assert answers(alone, True).json()["recording"]
        imported = uuid4()
        with store.writing() as connection:
            someone(connection, Source.IMPORTED, id=imported)
        found = asyncio.run(asks(imported))  # whom only a file had named
        assert (found.source, found.recording) == (Source.REAL, False)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"\xff\xfe\x00", "not UTF-8"), (b"x" * 100_001, "longer than")],
)
def test_a_text_that_cannot_be_read_stops_the_start(
    content: bytes | None, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "consent.md"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadConfig, match=why):
        create_app(Settings(data_dir=tmp_path / "data", consent=file))


def test_two_servers_ask_for_a_new_text_at_once(store: Store, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    asking, begun = version_of(tmp_path, "# At once"), Barrier(4)

    def begins(_: int) -> None:
        begun.wait()
        asking.begin(store)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(begins, range(4)))
    with store.reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM consent_text")).scalar_one() == 1


# --- what an operator's text cannot do ------------------------------------------------------------

ALLOWED = {
    *("a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre"),
    *("strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
SCHEMES = ("http://", "https://", "mailto:")
_CODE = "alert(1)"
_TAGS = (
    "<script>{}</script>", "<script src=//evil.example></script>", "<SCRIPT>{}</SCRIPT>",
    "<scr<script>ipt>{}</script>", "<script/x>{}</script>", "<script\n>{}</script>", "<<script>{}//<</script>",
    "<script>{}", "</script><script>{}</script>", "<img src=x onerror={}>", '<img src="x" onerror="{}">',
    "<img/src=x/onerror={}>", "<IMG SRC=javascript:{}>", "<img src=x:x onerror\n={}>", "<image src=x onerror={}>",
    "<svg onload={}>", "<svg><script>{}</script></svg>", "<svg><a xlink:href=javascript:{}>x</a></svg>",
    "<svg><animate onbegin={} attributeName=x>", "<svg/onload={}>",
    "<svg><use href='data:image/svg+xml,<svg onload={}>'/></svg>", "<math><mi xlink:href=javascript:{}>x</mi></math>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--><img src=x onerror={}>'>", "<body onload={}>",
    "<iframe src=javascript:{}></iframe>", "<iframe srcdoc='<script>{}</script>'></iframe>",
    "<object data=javascript:{}>", "<embed src=javascript:{}>",
    "<form action=javascript:{}><button>x</button></form>", "<input autofocus onfocus={}>",
    "<button formaction=javascript:{}>x</button>", "<details open ontoggle={}>", "<video><source onerror={}></video>",
    "<audio src onerror={}>", "<marquee onstart={}>", "<meta http-equiv=refresh content='0;url=javascript:{}'>",
    "<link rel=stylesheet href=//evil.example>", "<base href=//evil.example>",
    "<style>@import '//evil.example';</style>", "<style>*{{background:url(//evil.example)}}</style>",
    "<p style='background:url(javascript:{})'>x</p>", "<div style='position:fixed;inset:0'>x</div>",
    "<p onclick={}>x</p>", "<a href=javascript:{}>x</a>", "<a href='jav&#x09;ascript:{}'>x</a>",
    "<a href=' javascript:{}'>x</a>", "<a href=data:text/html,{}>x</a>",
    "<a href='https://a.example' onclick={}>x</a>", "<a href=vbscript:{}>x</a>", "<a target=_self href=//x>x</a>",
    "<template><script>{}</script></template>", "<noscript><p title='</noscript><img src=x onerror={}>'>",
    "<!--><script>{}</script>-->", "<![CDATA[<script>{}</script>]]>", "<?xml <script>{}</script> ?>",
    "<!DOCTYPE x [<!ENTITY x '{}'>]>", "<x onmouseover={}>x</x>", "<h1 id=page-heading class=x data-x=y>x</h1>",
    "<p id=location name=cookie>x</p>", "<textarea><img src=x onerror={}></textarea>",
    "<title><img src=x onerror={}></title>", "<xmp><img src=x onerror={}></xmp>",
    "<select><style></select><img src=x onerror={}></style></select>", "<slot onslotchange={}>",
    "<dialog open>x</dialog>",
)  # fmt: skip
_LINKS = (
    "[x](javascript:{})", "[x](JaVaScRiPt:{})", "[x]( javascript:{} )", "[x](<javascript:{}>)",
    "[x](java\tscript:{})", "[x](&#106;avascript:{})", "[x](&#x6A;avascript:{})", "[x](javascript&colon;{})",
    "[x](javascript&#58;{})", "[x](\\javascript:{})", "[x](%6aavascript:{})",
    "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x](vbscript:{})", "[x](data:image/svg+xml,<svg/onload={}>)",
    "[x](file:///etc/passwd)", "[x](//evil.example)", "[x](/api/me/erase)", '[x](https://a.example "onmouseover={}")',
    "[x](https://a.example \"' onclick='{}\")", "[x](https://a.example\"onclick={})", "[x][y]\n\n[y]: javascript:{}",
    "[x]\n\n[x]: <javascript:{}>", "<javascript:{}>", "<data:text/html,{}>", "![x](javascript:{})",
    "![x](https://evil.example/pixel.gif)", "![x\"onerror={}](x)", "![x](x \"onerror={}\")",
    "[![x](x)](javascript:{})", "[a](<https://a.example/\" onclick=\"{}>)",
    "[<img src=x onerror={}>](https://a.example)", "`<script>{}</script>`", "```\n<script>{}</script>\n```",
    "```html onload={}\n<img src=x onerror={}>\n```", "    <script>{}</script>", "> <script>{}</script>",
    "- <img src=x onerror={}>", "# <svg onload={}>", "| a |\n|---|\n| <img src=x onerror={}> |",
    "&lt;script&gt;{}&lt;/script&gt;", "&#60;script&#62;{}&#60;/script&#62;", "\\<script>{}\\</script>",
    "<scr\u0000ipt>{}</scr\u0000ipt>", "＜script＞{}＜/script＞",
    "<\u200bscript>{}</script>", "[x](javas\u0000cript:{})",
    "[x](\u0001javascript:{})", "[x](javascript\u200b:{})", "<a\u00a0href=javascript:{}>x</a>", "[x](tel:123)",
    "[x](blob:https://a.example/1)", "[x](ws://a.example)", "[x](about:blank)", "[x](view-source:x)",
    "[x]({{{{constructor.constructor('{}')()}}}})", "<https://a.example/\"onmouseover={}>",
    "<mailto:a@b.example?x=<script>>", "[x](javascript://a.example/%0a{})", "[x](java&#x0A;script:{})",
    "[x](java&NewLine;script:{})", "[x](java&Tab;script:{})",
)  # fmt: skip
PAYLOADS = [each.format(*[_CODE] * each.count("{}")) for each in (*_TAGS, *_LINKS)]


def leads_to_a_page(address: str) -> bool:
    """Whether a browser would take it for an address of the web: it leaves out what it cannot see in it."""
    address = re.sub("[\t\n\r]", "", address).lstrip("".join(map(chr, range(33))))
    has_scheme = re.match(r"[a-z][a-z0-9+.-]*:", address, re.IGNORECASE)
    return not has_scheme or address.lower().startswith(SCHEMES)


class Looked(HTMLParser):
    """What a browser would make of it that is no text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED:
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if tag != "a" or name not in ("href", "title", "rel", "target"):
                self.wrong.append(f"{tag} {name}")
            elif name == "href" and not leads_to_a_page(value or ""):
                self.wrong.append(f"href {value}")
        told = dict(attrs)
        if tag == "a" and (told.get("rel"), told.get("target")) != (
            "noopener noreferrer nofollow",
            "_blank",
        ):
            self.wrong.append(f"a link that tells where it was: {attrs}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"declaration {decl}")

    def unknown_decl(self, data: str) -> None:
        self.wrong.append(f"declaration {data}")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"instruction {data}")


def looked(html: str) -> Looked:
    found = Looked()
    found.feed(html)
    found.close()
    return found


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_text_of_an_operator_does_nothing(payload: str) -> None:
    for text in (
        payload,
        f"Before {payload} behind",
        f"* {payload}\n\n> {payload}",
        f"**{payload}**",
        payload * 2,
    ):
        assert looked(text_of_operator(text)).wrong == []


def test_the_text_of_an_operator_is_shown_and_does_nothing(tmp_path: Path) -> None:
    assert len(PAYLOADS) >= 100
    file = tmp_path / "consent.md"
    file.write_text("\n\n".join(("# Our *house*", *PAYLOADS)), encoding="utf-8")
    with running_team(tmp_path / "data", consent=file) as team:
        ada = team.first()
        answer = ada.client.get("/api/me/consent")
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert looked(answer.json()["html"]).wrong == []
        assert answer.json()["html"].startswith("<h1>Our <em>house</em></h1>")
        assert len(answer.json()["version"]) == 16
        assert team.browser().get("/api/me/consent").status_code == 401
        with team.store.reading() as connection:
            stored = connection.execute(sa.text("SELECT text FROM consent_text")).scalar_one()
        assert "<svg onload=alert(1)>" in stored  # the text that people agreed to, as it was


def test_what_a_text_may_have_is_kept() -> None:
    text = (
        '# Title\n\nA [link](https://a.example/x?y=1&z=2 "why"), *so* **much** `code`.\n\n* one\n* two\n\n1. first\n\n'
        "> said\n\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[write](mailto:a@b.example)\n\nWer <3 hat & > 2\n"
    )
    found = looked(text_of_operator(text))
    html = text_of_operator(text)
    assert found.wrong == []
    kept = (
        "<h1>Title</h1>",
        "<em>so</em>",
        "<strong>much</strong>",
        "<code>code</code>",
        "<ul>",
        "<ol>",
        "<blockquote>",
    )
    links = ('href="https://a.example/x?y=1&amp;z=2"', 'href="mailto:a@b.example"')
    assert [each for each in (*kept, *links, "<hr>", "<td>1</td>") if each not in html] == []
    assert "Wer <3 hat & > 2" in found.text


def test_our_own_text_is_shown_as_it_is_written(team: Team, anna: Member) -> None:
    shown = anna.client.get("/api/me/consent").json()["html"]
    assert looked(shown).wrong == []
    for said in ("Why", "Where", "How long", "How to erase", "You can change your mind"):
        assert said in looked(shown).text
