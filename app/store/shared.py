"""Units of work that many callers share, so that many small writes cost little more than one.

Whoever comes while a unit of work is being done waits, and all who waited are served by the next one, those who want
the same in one go: one statement for all of them instead of one each, and one wait for the disk. Does not know what the
work is.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from app.store.errors import StoreError

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

Work = Callable[[sa.Connection, Sequence[Item]], Sequence[Result | StoreError]]
"""Does something for many; gives what became of each, in order. Whom it refuses it has written nothing of."""

MOST = 64
"""Callers served by one unit of work, so that the first of them does not wait for too many others."""


class _Piece(NamedTuple):
    """What one caller wants, and where the answer goes."""

    work: Work[Any, Any]
    item: Any
    answer: asyncio.Future[Any]


class SharedWork:
    """Collects what callers want and does it in shared units of work.

    A thread that has begun goes on with what has come meanwhile, so that no unit of work waits for the event loop.
    """

    def __init__(
        self, session: Callable[[], AbstractContextManager[sa.Connection]], at_once: int
    ) -> None:
        self._session = session
        self._at_once = at_once
        self._lock = threading.Lock()  # over what is waiting and how many threads see to it
        self._waiting: list[_Piece] = []
        self._busy = 0
        # Threads of its own, so that it never waits for those that do something slow.
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="shared-work")

    async def do(self, work: Work[Item, Result], item: Item) -> Result:
        """Do the work for this item; returns its result, or raises why not, once it is committed (or undone)."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append(_Piece(work, item, answer))
            begins = self._busy < self._at_once
            self._busy += begins
        if begins:
            self._threads.submit(self._go_on)
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
        with self._lock:
            pieces, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            self._busy -= not pieces
        return sorted(pieces, key=lambda piece: id(piece.work))  # the same side by side, in order

    def _done(self, pieces: list[_Piece]) -> list[Any]:
        """What became of each piece: its result, or an error."""
        try:
            return self._unit(pieces)
        except StoreError as error:  # the database itself could not
            return [error] * len(pieces)
        except Exception as error:
            if len(pieces) == 1:
                return [error]
            log.warning("%d pieces of work failed together; each is done alone now", len(pieces))
            return [outcome for piece in pieces for outcome in self._done([piece])]

    def _unit(self, pieces: list[_Piece]) -> list[Any]:
        with self._session() as session:
            return [
                outcome
                for work, same in groupby(pieces, key=lambda piece: piece.work)
                for outcome in work(session, [piece.item for piece in same])
            ]


def _tell(pieces: list[_Piece], outcomes: list[Any]) -> None:
    for piece, outcome in zip(pieces, outcomes, strict=True):
        if piece.answer.done():  # whoever wanted it has gone
            continue
        if isinstance(outcome, Exception):
            piece.answer.set_exception(outcome)
        else:
            piece.answer.set_result(outcome)
