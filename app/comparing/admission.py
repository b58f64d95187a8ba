"""Whether one more answer is begun: so many questions per person, and no waiting for ever.

Does not know what is asked.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from app.comparing.draw import ANSWERS
from app.comparing.errors import Overloaded, TooManyOpen
from app.comparing.live import Live
from app.serving import Serving
from app.settings import Settings


class Admission:
    """Who is let in. `live`: the comparisons in the making."""

    def __init__(self, serving: Serving, settings: Settings, live: Mapping[UUID, Live]) -> None:
        self._serving = serving
        self._settings = settings
        self._live = live
        self._beginning: list[UUID] = []  # whose questions are being drawn

    @contextmanager
    def given(self, person_id: UUID, answers: int) -> Iterator[None]:
        """Room for so many more answers while they are drawn. Raises Overloaded."""
        mine = self._beginning.count(person_id)
        mine += sum(live.query.person_id == person_id for live in self._live.values())
        if mine >= self._settings.max_open_queries:
            raise TooManyOpen(
                f"{mine} of your questions are being answered; wait until one of them is complete"
            )
        wait_s = self._serving.wait_s(answers + ANSWERS * len(self._beginning))
        if wait_s > self._settings.max_wait_s:
            refusal = Overloaded(
                f"So many answers are being written that yours would wait; try again in {wait_s:.0f} s."
            )
            refusal.retry_after_s = math.ceil(wait_s)
            raise refusal
        self._beginning.append(person_id)
        try:
            yield
        finally:
            self._beginning.remove(person_id)
