"""When acts happened by our clock, told from the clocks of the pages that send them. Runs no statement.

A page's clock may be wrong, and each of its requests takes its own time to come here. Both together are the difference
between our clock at receiving and the page's at sending; the least that was seen of a page says best how wrong it is.
The order of what was done on one page is the page's own, however long its requests took.
"""

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from app.store.batches import Batch
from rlhb_core.schema.signals import Signal

PAGES = 20_000
"""Pages whose clocks are remembered; of those not heard of for longest, the next request is measured afresh."""

SET_BACK_MS = 60_000
"""No request is under way for longer: the page's clock was set back meanwhile, and is measured afresh."""


@dataclass
class _Clock:
    """One page's clock: add `shift_ms` to have ours. And its latest act, by its own clock and as we put it."""

    shift_ms: int
    theirs_ms: int = -1
    ours_ms: int = -1

    def ours(self, theirs_ms: int) -> int:
        """When an act happened by our clock: after what happened before it by theirs."""
        at_ms = theirs_ms + self.shift_ms
        if theirs_ms < self.theirs_ms:
            return at_ms
        self.theirs_ms, self.ours_ms = theirs_ms, max(at_ms, self.ours_ms + 1)
        return self.ours_ms


class Clocks:
    """The clocks of the pages that were heard of lately, since this process began."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[UUID, UUID], _Clock] = OrderedDict()

    def set_right(self, batch: Batch) -> Batch:
        """The batch with the times of its signals by our clock, in the order in which they happened on their page."""
        shift_ms = batch.received_ms - batch.sent_ms
        rightly: dict[int, Signal] = {}
        for index, signal in sorted(enumerate(batch.signals), key=lambda each: each[1].at_ms):
            clock = self._of((batch.person_id, signal.page_id), shift_ms)
            times = {
                "at_ms": max(clock.ours(signal.at_ms), 0),
                "page_opened_ms": max(signal.page_opened_ms + clock.shift_ms, 0),
            }
            rightly[index] = signal.model_copy(update=times)
        in_their_places = [rightly[index] for index in range(len(batch.signals))]
        return batch._replace(signals=in_their_places, sent_ms=batch.received_ms)

    def _of(self, page: tuple[UUID, UUID], shift_ms: int) -> _Clock:
        clock = self._known.get(page)
        if clock is None or shift_ms > clock.shift_ms + SET_BACK_MS:
            clock = self._known[page] = _Clock(shift_ms)
        clock.shift_ms = min(clock.shift_ms, shift_ms)
        self._known.move_to_end(page)
        if len(self._known) > PAGES:
            self._known.popitem(last=False)
        return clock
