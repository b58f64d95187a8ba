"""Work that may take seconds, such as counting or erasing: a few at a time.

The threads in which requests are answered are few and shared by all. Were they taken by a hundred people who want
counts, no signal would be stored meanwhile. Does not know what is done.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool

from rlhb_core.errors import RlhbError

AT_ONCE = 2
MOST_WAITING = 40

Result = TypeVar("Result")


class TooBusy(RlhbError):
    """So many wait already that one more is refused."""


class Heavy:
    """The turns of those who want such work done. To be used within one event loop."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._there = 0

    async def do(self, work: Callable[..., Result], *told: Any) -> Result:
        """Do it in a thread when its turn comes. Raises TooBusy."""
        if self._there >= AT_ONCE + MOST_WAITING:
            raise TooBusy("too many people want to know this just now; try again in a few seconds")
        self._there += 1
        try:
            async with self._turns:
                return await run_in_threadpool(work, *told)
        finally:
            self._there -= 1
