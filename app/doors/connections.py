"""The wire itself: a connection has so long, and so many bytes, to say what it wants.

uvicorn waits for ever for the end of a request's first lines and keeps all that it is sent of them, so that a few
thousand half requests use up the files that a process may have open, and one endless header the memory. What follows
the first lines is bounded in `bodies.py`. Knows nothing of what is asked.
"""

import asyncio
import resource

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 30.0
"""Time for the first lines of a request; for the rest of one, too, that has been answered already."""
MOST_HEAD_BYTES = 262_144
"""Bytes of these lines, and of whatever comes in the same piece from the network."""


class HttpConnection(HttpToolsProtocol):
    """A connection that hangs up on whoever takes too long or says too much before asking anything."""

    _deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """They say more."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES:
            self.transport.close()
        elif self._in_head or self.cycle is None or self.cycle.response_complete:
            self._wait()
        else:
            self._wait_no_more()

    def on_headers_complete(self) -> None:
        """The first lines are there."""
        self._in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is, too: what comes next are first lines again."""
        self._in_head = True
        super().on_message_complete()

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self._hang_up)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _hang_up(self) -> None:
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def allow_many() -> None:
    """As many open files as the system lets this process have; each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # macOS has a lower limit than it says
            return
