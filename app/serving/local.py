"""Models in this process: one trunk per base, its versions as adapters, all waiting jobs decoded as one batch.

Holds the trunks, each with the one thread that loads it and decodes on it. Jobs that arrive while a batch is being
written wait for the next one, which takes them all in the order of their arrival: nobody waits longer than one batch,
and more people cost little more than one.
Does not know comparisons, people or the store.
"""

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from app.serving.jobs import Chunk, Deliver, Job, ended, failed
from app.settings import Settings
from rlhb_core.errors import ModelError
from rlhb_core.records import ModelVersion

if TYPE_CHECKING:
    from rlhb_core.decoding import Decoder, Finished

log = logging.getLogger(__name__)

MAX_ROWS = 24
"""Most answers in one batch."""
MAX_ADAPTERS = 32
"""Most adapters kept in memory per trunk, more than one batch can wear; the one unused for longest goes first."""
UNUSED_S = 3600.0
"""An adapter that nobody has asked for so long, as after its version was taken out, goes before the next batch."""


@dataclass(frozen=True)
class Ticket:
    """Jobs that wait together, and where their chunks go."""

    jobs: Sequence[tuple[int, Job]]
    deliver: Deliver
    cancelled: threading.Event = field(default_factory=threading.Event)


class LocalModels:
    """Every base model in use, loaded when first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._trunks: dict[str, TrunkThread] = {}

    def submit(self, base: str, ticket: Ticket) -> None:
        """Queue jobs for the versions of one base; returns at once."""
        self._thread(base).submit(ticket)

    def warm(self, base: str) -> None:
        """Begin to load a base, so that the first query does not wait for it."""
        self._thread(base)

    def close(self) -> None:
        """Stop what is being written and end the threads."""
        for thread in self._trunks.values():
            thread.close()
        self._trunks.clear()

    def _thread(self, base: str) -> "TrunkThread":
        if base not in self._trunks:
            self._trunks[base] = TrunkThread(base, self._settings)
        return self._trunks[base]


class TrunkThread:
    """The thread that owns one trunk."""

    def __init__(self, base: str, settings: Settings) -> None:
        self._base = base
        self._settings = settings
        self._tickets: queue.Queue[Ticket | None] = queue.Queue()
        self._adapters: OrderedDict[str, float] = OrderedDict()  # when last worn, oldest first
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)
        self._thread.start()

    def submit(self, ticket: Ticket) -> None:
        self._tickets.put(ticket)

    def close(self) -> None:
        self._closing.set()
        self._tickets.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        decoder: Decoder | None = None
        try:
            decoder = load_decoder(self._base, self._settings)
        except Exception:
            log.exception("the base model %s could not be loaded", self._base)
        while tickets := self._next_tickets():
            if decoder is None:
                _fail(tickets, LOAD_FAILED)
                continue
            try:
                self._decode(decoder, tickets)
            except Exception:
                log.exception("a batch failed")
                _fail(tickets, FAILED)

    def _next_tickets(self) -> list[Ticket]:
        """All that wait, up to a full batch, first come first served; none when closing."""
        first = self._tickets.get()
        if first is None or self._closing.is_set():
            return []
        found, rows = [first], len(first.jobs)
        while rows < MAX_ROWS:
            try:
                ticket = self._tickets.get_nowait()
            except queue.Empty:
                break
            if ticket is None:
                self._tickets.put(None)
                break
            found.append(ticket)
            rows += len(ticket.jobs)
        return found

    def _decode(self, decoder: "Decoder", tickets: Sequence[Ticket]) -> None:
        from rlhb_core.decoding import Row

        owners: list[tuple[Ticket, int]] = []
        rows: list[Row] = []
        for ticket in tickets:
            for index, job in ticket.jobs:
                try:
                    adapter = self._wear(decoder, job.version)
                except ModelError as error:
                    log.warning("the adapter of %s cannot be used: %s", job.version.name, error)
                    ticket.deliver(Chunk(index, end=failed(LOAD_FAILED)))
                    continue
                owners.append((ticket, index))
                rows.append(
                    Row(
                        query=job.query,
                        behavior=job.version.condition,
                        adapter=adapter,
                        temperature=job.temperature,
                        max_new_tokens=job.max_new_tokens,
                        seed=job.seed,
                    )
                )

        self._forget_unused(decoder)

        def on_text(row: int, text: str) -> None:
            ticket, index = owners[row]
            ticket.deliver(Chunk(index, text=text))

        def on_end(row: int, finished: "Finished") -> None:
            ticket, index = owners[row]
            cut_off = self._closing.is_set() or ticket.cancelled.is_set()
            end = failed(finished.error) if finished.error else ended(finished.text, cut_off)
            ticket.deliver(Chunk(index, end=end))

        def stopped() -> bool:
            return self._closing.is_set() or all(ticket.cancelled.is_set() for ticket in tickets)

        decoder.stream(rows, on_text, stopped, on_end)

    def _wear(self, decoder: "Decoder", version: ModelVersion) -> str | None:
        """The name under which the version's adapter is loaded, loading it if need be."""
        if version.adapter is None:
            return None
        name = str(version.id)
        if name not in self._adapters:
            decoder.add(name, Path(version.adapter))
            if len(self._adapters) >= MAX_ADAPTERS:
                oldest, _ = self._adapters.popitem(last=False)
                decoder.remove(oldest)
        self._adapters[name] = time.monotonic()
        self._adapters.move_to_end(name)
        return name

    def _forget_unused(self, decoder: "Decoder") -> None:
        """Called between batches, when the next one already wears what it needs. One that is asked for is read anew."""
        since = time.monotonic() - UNUSED_S
        while self._adapters and next(iter(self._adapters.values())) < since:
            oldest, _ = self._adapters.popitem(last=False)
            decoder.remove(oldest)


# What people read while names are hidden, so without names and paths; the log has them.
LOAD_FAILED = "The model could not be loaded; the server's log says why."
FAILED = "The model failed while it was answering. Ask again; the details are in the server's log."


def load_decoder(base: str, settings: Settings) -> "Decoder":
    """A base model, ready to decode. Slow: torch is imported and the weights are read here."""
    from rlhb_core.decoding import Decoder, Row, use_threads
    from rlhb_core.generator import load_trunk

    use_threads(settings.threads)
    decoder = Decoder(load_trunk(base, settings.device, settings.dtype))
    # The first answer of a process is the slowest one: it is written here, for nobody.
    decoder.stream([Row("Hello", max_new_tokens=2, seed=0)], lambda row, text: None)
    return decoder


def _fail(tickets: Sequence[Ticket], sentence: str) -> None:
    for ticket in tickets:
        for index, _ in ticket.jobs:
            ticket.deliver(Chunk(index, end=failed(sentence)))
