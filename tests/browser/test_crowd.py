"""*Let simulated annotators use it* on the Runs page, on a fresh store of its own."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from app.settings import Settings
from app.store import Store, signals, summary, versions
from app.store.tables import PERSON, QUERY
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import ModelVersion, Serving, Source
from rlhb_core.schema.signals import SignalKind
from tests.server import ServerProcess, running_server

pytestmark = pytest.mark.browser

PATIENCE_MS = 60_000
"""A busy machine takes its time."""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("fresh") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def store(fresh: ServerProcess) -> Iterator[Store]:
    opened = Store.open(Settings(data_dir=fresh.data_dir, database_url="").database)
    yield opened
    opened.close()


@pytest.fixture
def page(browser: Browser, fresh: ServerProcess) -> Iterator[Page]:
    context = browser.new_context(base_url=f"http://127.0.0.1:{fresh.port}")
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def open_crowd(page: Page) -> None:
    page.goto("/runs/")
    page.get_by_text("Let simulated annotators use it").click()


def let_them_ask(page: Page, queries: str) -> None:
    page.locator("#crowd-queries input").fill(queries)
    page.get_by_role("button", name="Let them ask").click()


def test_they_ask_react_and_vote_and_all_of_it_is_simulated(page: Page, store: Store) -> None:
    said = page.locator("#crowd-said")
    open_crowd(page)
    let_them_ask(page, "20")
    expect(said).to_contain_text(re.compile(r"\d+ of 20 queries"), timeout=PATIENCE_MS)
    expect(said).to_contain_text("20 queries, 60 answers", timeout=180_000)
    expect(said).to_contain_text("are stored as simulated")
    with store.reading() as connection:
        counts = summary.by_source(connection)
        sources = set(connection.execute(sa.select(PERSON.c.source)).scalars())
        acts = [
            signal
            for query_id in connection.execute(sa.select(QUERY.c.id)).scalars().all()
            for signal in signals.of_query(connection, query_id)
        ]
    simulated, real = counts[Source.SIMULATED], counts[Source.REAL]
    assert (simulated.queries, simulated.responses) == (20, 60)
    assert len(acts) == simulated.signals > 100
    votes = [signal for signal in acts if signal.kind is SignalKind.VOTE]
    assert 18 <= len(votes) == simulated.votes <= 20
    assert (real.queries, real.signals, real.responses, real.people) == (0, 0, 0, 0)
    assert sources == {Source.SIMULATED}
    # the plan above knows of them at once
    expect(page.locator("#plan")).to_contain_text(
        f"{simulated.responses} simulated ones", timeout=PATIENCE_MS
    )


def test_what_cannot_be_asked_is_told_in_place(page: Page, store: Store) -> None:
    said = page.locator("#crowd-said")
    asked = queries_of(store)
    for wrong in ("0", "5001", "-3", ""):
        open_crowd(page)
        let_them_ask(page, wrong)
        expect(said).to_have_text("Choose between 1 and 5,000 queries.", timeout=PATIENCE_MS)
    with store.writing() as connection:
        other = ModelVersion(
            name="Stranger", arm=Arm.RLHB, serving=Serving.OPENAI, base="http://127.0.0.1:9#x"
        )
        served = [version.id for version in versions.served(connection)]
        versions.deploy(connection, [*served, versions.add(connection, other).id])
    let_them_ask(page, "20")
    expect(said).to_contain_text(
        "Simulated annotators can judge the embedded model only", timeout=PATIENCE_MS
    )
    expect(said).to_contain_text("Stranger")
    assert queries_of(store) == asked


def queries_of(store: Store) -> int:
    with store.reading() as connection:
        return summary.by_source(connection)[Source.SIMULATED].queries
