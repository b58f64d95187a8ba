"""Downloads of any size to readers of any speed: made once, quickly, into a file that has no name; sent as it is taken.

A slow reader so holds neither a connection to the database, nor a unit of work (which would keep SQLite's `-wal` from
being emptied), nor a thread; and in memory one small piece. Making has threads of its own, few of them, so that it does
not crowd out what people do on the pages. Only so many downloads are open at a time. Does not know what is sent.
"""

import asyncio
import logging
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import IO
from weakref import WeakSet

from starlette.responses import StreamingResponse

from app import data_folder
from app.settings import Settings
from rlhb_core.errors import RlhbError

log = logging.getLogger(__name__)

PIECE = 64 * 1024
"""Bytes sent at a time."""
MAKERS = 2
"""Downloads being made at the same time."""


class TooMany(RlhbError):
    """So many downloads are open that one more would be too many."""


class Downloads:
    """The open downloads of a server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._makers = ThreadPoolExecutor(MAKERS, thread_name_prefix="download")
        self._open: WeakSet[_Spool] = WeakSet()

    async def send(
        self, make: Callable[[], Generator[bytes, None, None]], filename: str
    ) -> StreamingResponse:
        """What `make` gives, as a file. Its first block is there before the answer starts, so that a failure is told.

        Raises TooMany, NoRoom, and whatever `make` raises before its first block.
        """
        if len(self._open) >= self._settings.max_downloads:
            raise TooMany(
                f"{len(self._open)} downloads are open, and this server allows no more (RLHB_MAX_DOWNLOADS); "
                "try again in a while"
            )
        data_folder.check_room(self._settings)
        spool = _Spool(self._settings)
        self._open.add(spool)
        try:
            self._makers.submit(spool.fill, make)
            await spool.begun()
        except BaseException:
            self._close(spool)
            raise
        return StreamingResponse(
            self._sent(spool),
            media_type="application/x-ndjson",
            headers={"Content-Disposition": f'attachment; filename="{filename}"'},
        )

    async def _sent(self, spool: "_Spool") -> AsyncIterator[bytes]:
        try:
            async for piece in spool.pieces():
                yield piece
        finally:
            self._close(spool)

    def _close(self, spool: "_Spool") -> None:
        self._open.discard(spool)
        spool.close()

    def close(self) -> None:
        """Make nothing more."""
        for spool in list(self._open):
            spool.close()
        self._makers.shutdown(wait=False, cancel_futures=True)


class _Spool:
    """One download: a thread writes it, the event loop reads what is there and waits for more."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=settings.data_dir, buffering=0)  # noqa: SIM115
        self._size = 0
        self._ended = False
        self._error: Exception | None = None
        self._more = asyncio.Event()
        self._unwanted = threading.Event()

    # --- in a thread of the makers --------------------------------------------------------------------

    def fill(self, make: Callable[[], Generator[bytes, None, None]]) -> None:
        """Write all of it, unless nobody wants it any more."""
        error: Exception | None = None
        try:
            with closing(make()) as blocks:
                for block in blocks:
                    if self._unwanted.is_set():
                        break
                    data_folder.check_room(self._settings)
                    self._file.write(block)
                    self._say(len(block))
        except Exception as failure:
            error = failure
        self._say(0, ended=True, error=error)

    def _say(self, more: int, ended: bool = False, error: Exception | None = None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._noted, more, ended, error)

    # --- in the event loop ------------------------------------------------------------------------------

    def _noted(self, more: int, ended: bool, error: Exception | None) -> None:
        self._size += more
        self._ended |= ended
        self._error = self._error or error
        self._more.set()
        self._let_go()

    async def begun(self) -> None:
        """Wait for the first block, or the end. Raises what went wrong before it."""
        while not (self._size or self._ended):
            await self._next()
        if self._error is not None and not self._size:
            raise self._error

    async def _next(self) -> None:
        self._more.clear()
        await self._more.wait()

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it, a piece at a time, each read once the one before is taken."""
        at = 0
        while True:
            if at < self._size:
                piece = os.pread(self._file.fileno(), PIECE, at)
                at += len(piece)
                yield piece
            elif self._error is not None:
                log.error("a download broke off", exc_info=self._error)
                raise self._error
            elif self._ended:
                return
            else:
                await self._next()

    def close(self) -> None:
        """Nobody wants it any more; the file is gone once its maker has seen that."""
        self._unwanted.set()
        self._let_go()

    def _let_go(self) -> None:
        if self._ended and self._unwanted.is_set():
            self._file.close()
