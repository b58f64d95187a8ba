"""Work that may take seconds, such as counting or erasing: a few at a time, and once for all who want the same.

The threads in which requests are answered are few and shared by all. Were they taken by a hundred people who want
counts, no signal would be stored meanwhile. Does not know what is done.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from starlette.concurrency import run_in_threadpool

from rlhb_core.errors import RlhbError

AT_ONCE = 2
MOST_WAITING = 40
KEPT = 10
"""What is shared is kept for so many times as long as it took: at most a tenth of the time goes into making it anew."""

Result = TypeVar("Result")


class TooBusy(RlhbError):
    """So many wait already that one more is refused."""


class Heavy:
    """The turns of those who want such work done. To be used within one event loop."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._there = 0
        self._theirs: set[UUID] = set()
        self._shared: dict[Callable[..., Any], asyncio.Task[Any]] = {}
        self._kept_until: dict[Callable[..., Any], float] = {}

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

    async def one_each(self, whose: UUID, work: Callable[..., Result], *told: Any) -> Result:
        """The same, one at a time of each person's: else one who wants it over and over keeps all others waiting."""
        if whose in self._theirs:
            raise TooBusy("you have asked for this already, and it is being done; wait for it")
        self._theirs.add(whose)
        try:
            return await self.do(work, *told)
        finally:
            self._theirs.discard(whose)

    async def shared(self, work: Callable[..., Result], *told: Any) -> Result:
        """What the work gives, as it was made a moment ago or is being made: `told` is the same for all who ask."""
        task = self._shared.get(work)
        if task is None or (task.done() and time.monotonic() > self._kept_until.get(work, 0.0)):
            task = self._shared[work] = asyncio.create_task(self._made(work, told))
        result: Result = await asyncio.shield(task)
        return result

    async def _made(self, work: Callable[..., Result], told: tuple[Any, ...]) -> Result:
        began = time.monotonic()
        self._kept_until[work] = 0.0  # a failure is not kept
        result = await self.do(work, *told)
        ended = time.monotonic()
        self._kept_until[work] = ended + KEPT * (ended - began)
        return result
