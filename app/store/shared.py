"""Units of work that several callers share, so that many small writes wait for the disk once.

Whoever comes while a unit of work is being committed waits, and the first of those who waited does the work of all of
them in the next one. No thread of its own, nothing kept between calls. Does not know what the work is.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import sqlalchemy as sa

from app.store.errors import Busy
from rlhb_core.errors import RlhbError

Result = TypeVar("Result")

MOST = 64
"""Pieces of work in one unit, so that the first of them does not wait for too many others."""


class _Piece:
    """One caller's work and what became of it."""

    def __init__(self, work: Callable[[sa.Connection], Any]) -> None:
        self.work = work
        self.done = False
        self.result: Any = None
        self.error: Exception | None = Busy("interrupted before it was stored; try again")


class SharedWork:
    """Collects pieces of work and does them in shared units of work."""

    def __init__(self, session: Callable[[], AbstractContextManager[sa.Connection]]) -> None:
        self._session = session
        self._waiting: list[_Piece] = []
        self._is_led = False
        self._changed = threading.Condition()

    def do(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Do the work; returns its result, or raises what it raised, once it is committed (or undone)."""
        piece = _Piece(work)
        with self._changed:
            self._waiting.append(piece)
        while not piece.done:
            with self._changed:
                self._changed.wait_for(lambda: piece.done or not self._is_led)
                if piece.done:
                    break
                self._is_led = True  # nobody else leads, so I do
                pieces, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            self._lead(pieces)
        if piece.error is not None:
            raise piece.error
        result: Result = piece.result
        return result

    def _lead(self, pieces: list[_Piece]) -> None:
        try:
            if len(pieces) > 1:
                self._all(pieces)
            else:
                self._alone(pieces[0])
        except Exception:
            # The database itself failed, or one piece is broken: each alone, so that none harms another.
            for piece in pieces:
                self._alone(piece)
        finally:
            with self._changed:
                for piece in pieces:
                    piece.done = True
                self._is_led = False
                self._changed.notify_all()

    def _all(self, pieces: list[_Piece]) -> None:
        """One unit of work. A piece that is refused is undone by its savepoint; any other error undoes all."""
        refusals: dict[_Piece, Exception] = {}
        with self._session() as session:
            for piece in pieces:
                try:
                    with session.begin_nested():
                        piece.result = piece.work(session)
                except RlhbError as refusal:
                    refusals[piece] = refusal
        for piece in pieces:  # committed
            piece.error = refusals.get(piece)

    def _alone(self, piece: _Piece) -> None:
        try:
            with self._session() as session:
                piece.result = piece.work(session)
            piece.error = None
        except Exception as error:
            piece.error = error
