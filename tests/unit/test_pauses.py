"""What is there when a server has settled is looked at by no later collection; what comes after is."""

import gc
import subprocess
import sys
import weakref

from app.pauses import settle


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


def test_the_server_settles_before_it_answers() -> None:
    code = (
        "import gc, asyncio, uvicorn; from app.server import _Announcing; from app.settings import Settings\n"
        "async def app(*_): pass\n"
        "server = _Announcing(uvicorn.Config(app, port=0, lifespan='off', log_level='error'), Settings())\n"
        "async def go():\n"
        "    server.config.load(); server.lifespan = server.config.lifespan_class(server.config)\n"
        "    await server.startup(); print(gc.get_freeze_count() > 10_000); await server.shutdown()\n"
        "asyncio.run(go())\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert said.stdout.strip() == "True"
