"""Three answers of 4,000 tokens come onto the Compare page at 15 updates a second: slow frames, rendered and raw.

The blocks of each update are made beforehand, as the server makes them, which is timed; then the page draws them in a
real Chromium by its own `panels.js`, once rendered and once as raw text, in the same run.
"""

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from app.rendering import Block, Growing
from tests.bench.run import row
from tests.browser.conftest import BROWSERS, QUIET
from tests.server import ServerProcess

TOKENS = 4_000
CHARACTERS_PER_TOKEN = 4
UPDATES_PER_S = 15
TOKENS_PER_UPDATE = 8
SLOW_MS = 50

SECTIONS = (
    "## A heading of a few words\n\n",
    "Some **bold** and *slanted* words with `code` in them, and a [link](https://example.org/a) that goes somewhere; "
    "then the paragraph goes on for a while, as they do, until all has been said that there is to say.\n\n",
    "- an item of a list\n- another *item*, with more words than the first had\n- a third with `code`\n\n",
    "```python\ndef mean(values: list[float]) -> float:\n    # of one at least\n"
    "    return sum(values) / len(values)\n```\n\n",
    "| a | b | c |\n|---|---|---|\n| 1 | two | **three** |\n| 4 | five | six |\n\n",
    "The sum $\\sum_{k=1}^{n} k$ is $\\frac{n(n+1)}{2}$, and so\n\n$$x^2 + y^2 = z^2$$\n\n",
)

PLAY = """async ([raw, answers, perSecond]) => {
  const { Panels } = await import("/static/compare/panels.js");
  return new Promise((resolve) => {
  const root = document.querySelector(".compare");
  root.dataset.phase = "open";
  const panels = new Panels(root, () => raw);
  const shown = answers.map(() => ({ text: "", blocks: [] }));
  let update = 0;
  let last = performance.now();
  const frames = [];
  const watch = () => {
    const now = performance.now();
    frames.push(now - last);
    last = now;
    if (update <= answers[0].length) requestAnimationFrame(watch);
  };
  requestAnimationFrame(watch);
  const timer = setInterval(() => {
    if (update === answers[0].length) {
      clearInterval(timer);
      update += 1;
      return setTimeout(() => resolve(frames), 200);
    }
    answers.forEach((updates, place) => {
      const [text, kept, blocks] = updates[update];
      shown[place] = { text: shown[place].text + text, blocks: [...shown[place].blocks.slice(0, kept), ...blocks] };
    });
    update += 1;
    const view = {
      panels: shown.map((answer, place) => ({
        ...answer, response_id: String(place), letter: "ABC"[place], outcome: "pending", marks: {}, same_as: null,
      })),
    };
    panels.draw(view, [0, 1, 2]);
  }, 1000 / perSecond);
  });
}"""
"""Draw the updates of three answers; gives the times between frames, in milliseconds."""


def answer(place: int) -> str:
    """An answer of the wanted length; each begins elsewhere."""
    size, text, number = TOKENS * CHARACTERS_PER_TOKEN, "", place
    while len(text) < size:
        text += SECTIONS[number % len(SECTIONS)]
        number += 1
    return text[:size]


def updates(text: str, took_ms: list[float]) -> list[list[Any]]:
    """What each update brings: [more text, how many blocks stay, the blocks after them]."""
    growing, found = Growing(), []
    before: list[Block] = []
    step = TOKENS_PER_UPDATE * CHARACTERS_PER_TOKEN
    for end in range(step, len(text) + 1, step):
        began = time.perf_counter()
        now = growing.grown(text[:end])
        took_ms.append((time.perf_counter() - began) * 1000)
        kept = next(
            (n for n, pair in enumerate(zip(before, now, strict=False)) if pair[0] != pair[1]),
            min(len(before), len(now)),
        )
        found.append([text[end - step : end], kept, [b.model_dump() for b in now[kept:]]])
        before = now
    return found


def slow_frames(page: Page, url: str, raw: bool, answers: list[list[list[Any]]]) -> int:
    """How many frames took too long while the answers came."""
    page.goto(url)
    page.wait_for_selector(".compare[data-live]")
    page.wait_for_timeout(1_000)  # the page has settled
    frames: list[float] = page.evaluate(PLAY, [raw, answers, UPDATES_PER_S])
    return sum(ms > SLOW_MS for ms in frames)


def rows() -> list[dict[str, Any]]:
    """`reading_slow_frames`: rendered, beside raw text; `reading_update_ms`: of one answer, in the server."""
    took_ms: list[float] = []
    answers = [updates(answer(place), took_ms) for place in range(3)]
    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    arguments = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = ServerProcess(Path(folder), models=False)
        try:
            server.start()
            browser = playwright.chromium.launch(executable_path=path, args=arguments)
            page = browser.new_page(viewport={"width": 1360, "height": 900})
            url = f"http://127.0.0.1:{server.port}/"
            raw, rendered = (slow_frames(page, url, each, answers) for each in (True, False))
            browser.close()
        finally:
            server.kill()
    p95 = statistics.quantiles(took_ms, n=20)[-1]
    return [
        row("reading_slow_frames", rendered, f"frames over {SLOW_MS} ms", "raw text", raw),
        row("reading_update_ms", statistics.mean(took_ms), "ms per update of an answer"),
        row("reading_update_p95_ms", p95, "ms per update of an answer"),
    ]
