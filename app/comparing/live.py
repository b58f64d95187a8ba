"""A comparison in the making, in memory: as it stands, and a way to wait for what comes next.

Does not know who writes the answers, nor where they are kept.
"""

import asyncio
import time
from uuid import UUID

from app.comparing.view import ComparisonView, view_of
from rlhb_core.schema.records import ModelVersion, Query, Response
from rlhb_core.schema.signals import Signal


class Live:
    """A comparison in the making: all that a view of it needs, and a way to wait for the next change."""

    def __init__(self, query: Query, stays_blind: bool = False) -> None:
        self.query = query
        self.stays_blind = stays_blind
        self.answers: dict[UUID, Response] = {}
        self.versions: dict[UUID, ModelVersion] = {}
        self.acts: list[Signal] = []
        self.acts_read = time.monotonic()
        self.acts_are_stale = False
        self.writers = 0
        self.changes = 0
        self._view: ComparisonView | None = None
        self._changed = asyncio.Event()

    def put(self, answer: Response) -> None:
        """Note how an answer stands now and wake those who wait."""
        self.answers[answer.id] = answer
        self.changes += 1
        self._view = None
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, changes: int) -> None:
        """Wait until more has changed than `changes`."""
        if self.changes == changes:
            await self._changed.wait()

    def know_acts(self, acts: list[Signal]) -> None:
        """What the person has done so far."""
        self.acts, self.acts_read, self._view = acts, time.monotonic(), None

    def view(self) -> ComparisonView:
        """How it stands; made once for all who look."""
        if self._view is None:
            answers = list(self.answers.values())
            self._view = view_of(
                self.query, answers, self.acts, self.versions, stays_blind=self.stays_blind
            )
        return self._view
