"""A comparison in the making, in memory: as it stands, and a way to wait for what comes next.

Does not know who writes the answers, nor where they are kept.
"""

import asyncio
import time
from uuid import UUID

from app.comparing.asking import BEST_ONLY, Asks
from app.comparing.view import ComparisonView, Panel, view_of, with_blocks
from app.rendering import Block, Growing
from app.store import queries
from rlhb_core.schema.records import ModelVersion, Outcome, Query, Response
from rlhb_core.schema.signals import Signal

AT_ONCE = 5_000
"""More characters than that are not rendered on the event loop: it would stand still for longer than 10 ms."""


class Live:
    """A comparison in the making: all that a view of it needs, and a way to wait for the next change."""

    def __init__(
        self,
        query: Query,
        ways: queries.Ways = queries.FREELY,
        asks: Asks = BEST_ONLY,
        came: bool = False,
    ) -> None:
        self.query = query
        self.ways = ways
        self.asks = asks
        self.came = came
        self.answers: dict[UUID, Response] = {}
        self.versions: dict[UUID, ModelVersion] = {}
        self.acts: list[Signal] = []
        self.acts_read = time.monotonic()
        self.acts_are_stale = False
        self.writers = 0
        self.changes = 0
        self._view: ComparisonView | None = None
        self._read: ComparisonView | None = None
        self._growing: dict[UUID, Growing] = {}
        self._reading = asyncio.Lock()
        self._changed = asyncio.Event()

    def put(self, answer: Response) -> None:
        """Note how an answer stands now and wake those who wait."""
        self.answers[answer.id] = answer
        self.changes += 1
        self._view = self._read = None
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, changes: int) -> None:
        """Wait until more has changed than `changes`."""
        if self.changes == changes:
            await self._changed.wait()

    def know_acts(self, acts: list[Signal]) -> None:
        """What the person has done so far."""
        self.acts, self.acts_read = acts, time.monotonic()
        self._view = self._read = None

    def view(self) -> ComparisonView:
        """How it stands; made once for all who look."""
        if self._view is None:
            answers = list(self.answers.values())
            self._view = view_of(
                self.query,
                answers,
                self.acts,
                self.versions,
                self.ways,
                asks=self.asks,
                came=self.came,
            )
        return self._view

    async def read(self) -> ComparisonView:
        """How it stands, with its answers rendered: of each only what has come since the last time."""
        async with self._reading:
            if self._read is None:
                view = self.view()
                if sum(map(self._behind, view.panels)) > AT_ONCE:
                    read = await asyncio.to_thread(with_blocks, view, self._blocks)
                else:
                    read = with_blocks(view, self._blocks)
                if view is not self._view:  # it has grown meanwhile
                    return read
                self._read = read
            return self._read

    def _growing_of(self, panel: Panel) -> Growing:
        return self._growing.setdefault(panel.response_id, Growing())

    def _behind(self, panel: Panel) -> int:
        is_over = panel.outcome is not Outcome.PENDING
        return self._growing_of(panel).behind(panel.text, is_over)

    def _blocks(self, panel: Panel) -> list[Block]:
        growing = self._growing_of(panel)
        is_over = panel.outcome is not Outcome.PENDING
        return growing.settled(panel.text) if is_over else growing.grown(panel.text)
