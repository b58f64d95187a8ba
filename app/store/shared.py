"""Units of work that many callers share, so that many small writes cost little more than one.

Whoever comes while a unit of work is being done waits, and all who waited for the same are served by the next one: one
statement for all of them instead of one each, and one wait for the disk. Does not know what the work is.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any, TypeVar

import sqlalchemy as sa

from app.store.errors import StoreError

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

Work = Callable[[sa.Connection, Sequence[Item]], Sequence[Result | StoreError]]
"""Does something for many; gives what became of each, in order. Whom it refuses it has written nothing of."""

MOST = 64
"""Callers served by one unit of work, so that the first of them does not wait for too many others."""

LARGEST = 1_000
"""What their pieces may come to together, by the sizes that they tell; a larger one is done alone."""


@dataclass(eq=False)
class _Piece:
    """What one caller wants, and where the answer goes."""

    work: Work[Any, Any]
    item: Any
    size: int
    answer: asyncio.Future[Any]


class SharedWork:
    """Collects what callers want and does it in shared units of work, each of one kind of work.

    Two kinds in one unit would lock rows in two orders, and such units would wait for each other. A thread that has
    begun goes on with what has come meanwhile, so that no unit of work waits for the event loop.
    """

    def __init__(
        self, writing: Callable[[], AbstractContextManager[sa.Connection]], at_once: int
    ) -> None:
        self._writing = writing
        self._at_once = at_once
        self._lock = threading.Lock()  # over what is waiting and how many threads see to it
        self._waiting: list[_Piece] = []
        self._busy = 0
        # Threads of its own, so that it never waits for those that do something slow.
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="shared-work")

    async def do(self, work: Work[Item, Result], item: Item, size: int = 1) -> Result:
        """Do the work for this item; returns its result, or raises why not, once it is committed (or undone).

        `size`: how much there is to do for it, so that nobody waits for too much that others want.
        """
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        piece = _Piece(work, item, size, answer)
        with self._lock:
            if begins := self._busy < self._at_once:
                # under the lock: where no thread can be had, nothing has changed
                self._threads.submit(self._go_on)
            self._waiting.append(piece)
            self._busy += begins
        return await answer

    def close(self) -> None:
        """Wait for what is being done, and take no more."""
        self._threads.shutdown()

    def _go_on(self) -> None:
        """Do what is wanted until nothing is left."""
        while pieces := self._next():
            outcomes = self._done(pieces)
            with suppress(RuntimeError):  # the loop has closed, and with it went all who waited
                pieces[0].answer.get_loop().call_soon_threadsafe(_tell, pieces, outcomes)

    def _next(self) -> list[_Piece]:
        """What has waited longest, and what waits for the same work as far as a unit has room; in order."""
        with self._lock:
            same = [piece for piece in self._waiting if piece.work is self._waiting[0].work]
            sizes = accumulate(piece.size for piece in same)
            fitting = sum(1 for _ in takewhile(LARGEST.__ge__, sizes))
            pieces = same[: min(MOST, max(fitting, 1))]
            self._waiting = [piece for piece in self._waiting if piece not in set(pieces)]
            self._busy -= not pieces
            return pieces

    def _done(self, pieces: list[_Piece]) -> Sequence[Any]:
        """What became of each piece: its result, or an error. Raises nothing: others are waiting for this thread."""
        try:
            with self._writing() as connection:
                return pieces[0].work(connection, [piece.item for piece in pieces])
        except StoreError as error:  # the database itself could not
            return [error] * len(pieces)
        except BaseException as error:
            if len(pieces) == 1:
                # what is no Exception would end the event loop of whoever waits for it
                return [error if isinstance(error, Exception) else RuntimeError(repr(error))]
            log.warning("%d pieces of work failed together; each is done alone now", len(pieces))
            return [outcome for piece in pieces for outcome in self._done([piece])]


def _tell(pieces: list[_Piece], outcomes: Sequence[Any]) -> None:
    for piece, outcome in zip(pieces, outcomes, strict=True):
        if piece.answer.done():  # whoever wanted it has gone
            continue
        if isinstance(outcome, Exception):
            piece.answer.set_exception(outcome)
        else:
            piece.answer.set_result(outcome)
