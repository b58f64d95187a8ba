"""What is there when a server has settled is looked at by no later collection; what comes after is."""

import gc
import subprocess
import sys
import weakref

from app.pauses import settle

WEB = """
import asyncio, gc, uvicorn
from app.server import _Announcing
from app.settings import Settings
async def app(*_): pass
async def started():
    server = _Announcing(uvicorn.Config(app, port=0, lifespan="off", log_level="error"), Settings())
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    print(gc.get_freeze_count() > 10_000)
    await server.shutdown()
asyncio.run(started())
"""
MODELS = """
import gc, time
from app.engine.options import EngineOptions
from app.engine.writer import Writer
writer = Writer(EngineOptions(base="embedded", listen="unix:/nowhere"), lambda work: work())
writer.start()
while writer.state == "loading":
    time.sleep(0.05)
print(gc.get_freeze_count() > 10_000)
writer.close()
"""


class Ring:
    """Garbage that only a collection finds."""

    def __init__(self) -> None:
        self.me = self


def test_what_is_there_stays_and_what_comes_after_is_collected() -> None:
    kept = [Ring() for _ in range(10_000)]
    before = len(gc.get_objects())
    settle()
    try:
        assert len(gc.get_objects()) < before - len(kept)
        gone = weakref.ref(Ring())
        gc.collect()
        assert gone() is None
    finally:
        gc.unfreeze()


def told(code: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True, text=True, check=True, timeout=240,
    )  # fmt: skip
    return ran.stdout.strip()


def test_the_web_process_settles_before_it_answers() -> None:
    assert told(WEB) == "True"


def test_the_model_process_settles_before_it_is_ready() -> None:
    assert told(MODELS) == "True"
