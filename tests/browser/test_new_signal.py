"""A new kind of signal, made in a copy of the source as CONTRIBUTING tells: three files, then its button is pressed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.server import ServerProcess

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


def insert(path: Path, before: str, text: str) -> None:
    """Put a text before the only place where another one stands."""
    source = path.read_text(encoding="utf-8")
    assert source.count(before) == 1, before
    path.write_text(source.replace(before, text + before), encoding="utf-8")


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The source with a further act: to keep an answer."""
    source = tmp_path / "source"
    for part in ("app", "rlhb_core", "static"):
        shutil.copytree(
            ROOT / part, source / part, True, ignore=shutil.ignore_patterns("__pycache__")
        )
    schema = source / "rlhb_core" / "schema"
    insert(schema / "signals.py", "    EDIT = ", '    KEEP = "keep"\n')
    entry = 'SignalKind.KEEP: Kind(payloads.Empty, explicit=True, effect=_marked("kept"))'
    insert(schema / "signals.py", "    SignalKind.EDIT: Kind(", f"    {entry},\n")
    insert(schema / "features.py", "    edited: bool", "    kept: bool = False\n")
    clause = 'Clause("kept", (None, "kept it"), (0.0, 0.5), "Kept.", lambda found: int(found.kept))'
    insert(schema / "features.py", '    Clause(\n        "edited"', f"    {clause},\n")
    share = '        <button type="button" data-act="share">'
    insert(
        source / "app" / "ui" / "compare_layout.py",
        share,
        share.replace("share", "keep") + "Keep</button>\n",
    )
    return source


def test_its_button_is_pressed_recorded_told_exported_and_documented(
    changed: Path, tmp_path: Path, browser: Browser
) -> None:
    server = ServerProcess(tmp_path / "data")
    # so that the copy is imported by all of its processes, and not what lies in the current folder
    server.environment |= {"PYTHONPATH": str(changed), "PYTHONSAFEPATH": "1"}
    server.start()
    context = browser.new_context(base_url=f"http://127.0.0.1:{server.port}")
    try:
        page = context.new_page()
        page.goto("/")
        page.wait_for_selector(".compare[data-live]")
        page.locator(".query").fill("What is the capital of Peru?")
        page.locator(".query").press("Control+Enter")
        first = page.locator(".answer").first
        expect(first).to_have_attribute("data-status", "done", timeout=60_000)
        first.locator("[data-more]").click()
        first.get_by_role("button", name="Keep").click()
        expect(first.locator("[data-more]")).to_contain_text("Noted")
        page.wait_for_function(
            "import('/static/signals.js').then(({ outbox }) => outbox.flush().then(() => outbox.waiting === 0))"
        )
        kept = first.get_attribute("data-response") or ""
        mine = context.request.get("/api/me/data").text().splitlines()
        acts = [json.loads(line) for line in mine]
        assert [act["response_id"] for act in acts if act.get("kind") == "keep"] == [kept]
        lines = context.request.get("/api/data/triplets.jsonl").text().splitlines()
        found = {each["response_id"]: each for each in map(json.loads, lines)}
        marked = [each for each in found.values() if each["behavior_features"]["kept"]]
        # what is done with one answer is about all that say the same
        assert {each["response"].strip() for each in marked} == {found[kept]["response"].strip()}
        assert all(
            ("kept it" in each["behavior_text"]) == (each in marked) for each in found.values()
        )
        assert '"copy"' in (passive := context.request.get("/static/kinds.js").text())
        assert '"keep"' not in passive
    finally:
        context.close()
        server.kill()
    command = [sys.executable, "-m", "app.cli", "reference"]
    page_of = subprocess.run(
        command, env=server.environment, capture_output=True, text=True, check=True
    ).stdout
    assert "| `keep` | one response | on purpose |" in page_of
    assert "`kept`" in page_of
