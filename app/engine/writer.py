"""The thread that owns the model: loads it, takes answers in as they are asked for, and writes them all together.

A new answer joins at the next token; the first to come is the first to join. Text is handed over in small lots, so that
whoever passes it on does not wake for every token. Does not know HTTP.
"""

import logging
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from app.engine.options import EngineOptions
from app.pauses import settle
from rlhb_core.errors import ModelError
from rlhb_core.lm.decoding import Answer, Decoder, Writing, use_threads
from rlhb_core.lm.rows import Finished, Row
from rlhb_core.lm.trunk import load_trunk

log = logging.getLogger(__name__)

HAND_OVER_S = 0.1
"""Texts are handed over this often; the first word of an answer at once."""
ROW_S = 0.01
"""With many answers less often, so that so much time is left for each lot of text: 100 lots a second in all."""
MAX_ADAPTERS = 32
"""Most adapters kept in memory, beside those in use; the one unused for longest goes first."""
UNUSED_S = 3600.0
"""An adapter that nobody has asked for so long, as after its version was taken out, is forgotten."""
LOAD_FAILED = "The model could not be loaded; the server's log says why."
FAILED = "The model failed while it was answering. Ask again; the details are in the server's log."


class Ticket:
    """One answer asked for, and where its pieces go: `deliver(text, end)`, in the thread of whoever asked."""

    def __init__(self, row: Row, deliver: Callable[[str, Finished | None], None]) -> None:
        self.row = row
        self.deliver = deliver
        self.answer: Answer | None = None
        self.text = ""
        self.end: Finished | None = None
        self.is_silent = True

    def add(self, text: str) -> None:
        """More text, which waits to be handed over."""
        self.text += text

    def close(self, end: Finished) -> None:
        """How it ended."""
        self.end = end


class Writer:
    """One model and the answers that it writes. `hand_over` calls a function in the thread of those who ask."""

    def __init__(
        self, options: EngineOptions, hand_over: Callable[[Callable[[], None]], object]
    ) -> None:
        self.state = "loading"
        self.error = ""
        self._options = options
        self._hand_over = hand_over
        self._inbox: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._waiting: deque[Ticket] = deque()
        self._writing: list[Ticket] = []
        self._adapters: OrderedDict[str, float] = OrderedDict()  # when last asked for, oldest first
        self._handed_over = 0.0
        self._decoder: Decoder | None = None
        self._batch: Writing | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="writing", daemon=True)

    # --- for those who ask ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to load the model. Returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Stop what is being written and end the thread."""
        self._closing = True
        self._inbox.put(lambda: None)
        self._thread.join(timeout=5)

    @property
    def waiting(self) -> int:
        """Answers that nobody has begun to write."""
        return len(self._waiting) + self._inbox.qsize()

    @property
    def rows(self) -> int:
        """Answers that are being written."""
        return len(self._writing)

    @property
    def adapters(self) -> list[str]:
        """The adapters in memory."""
        return list(self._adapters)

    def knows(self, name: str) -> bool:
        """Whether the adapter of this name is in memory."""
        return name in self._adapters

    def submit(self, ticket: Ticket) -> None:
        """Have an answer written; its pieces are delivered as they come."""
        self._inbox.put(lambda: self._arrive(ticket))

    def cancel(self, ticket: Ticket) -> None:
        """Nobody wants the answer any more: it leaves before the next token."""
        self._inbox.put(lambda: self._leave(ticket))

    def load_adapter(self, name: str, folder: Path) -> "Future[None]":
        """Read an adapter; the future fails with a ModelError if it cannot be used."""
        return self._order(lambda: self._load_adapter(name, folder))

    def unload_adapter(self, name: str) -> "Future[None]":
        """Forget an adapter; answers that wear it end."""
        return self._order(lambda: self._unload_adapter(name))

    def _order(self, work: Callable[[], None]) -> "Future[None]":
        future: Future[None] = Future()

        def done() -> None:
            try:
                if self._decoder is None:
                    raise ModelError("the base model could not be loaded")
                work()
                future.set_result(None)
            except Exception as error:
                future.set_exception(error)

        self._inbox.put(done)
        return future

    # --- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._decoder = load_decoder(self._options)
            self._batch = Writing(self._decoder)
            settle()
            self.state = "ready"
        except Exception as error:
            log.exception("the base model could not be loaded")
            self.error = str(error) if isinstance(error, ModelError) else type(error).__name__
            self.state = "failed"
        while not self._closing:
            self._hear()
            if self._batch is not None and not self._closing:
                try:
                    self._write(self._batch)
                except Exception:
                    log.exception("a batch failed")
                    self._fail_all()
            self._pass_on()

    def _hear(self) -> None:
        """Do what was asked meanwhile; with nothing to write, wait until something is."""
        is_idle = not self._waiting and not self._writing
        try:
            self._inbox.get(block=is_idle)()
            while True:
                self._inbox.get_nowait()()
        except queue.Empty:
            pass

    def _write(self, batch: Writing) -> None:
        batch.step()
        joining: list[Answer] = []
        while self._waiting and batch.takes_more:
            if batch.rows + len(joining) >= self._options.max_rows:
                break
            ticket = self._waiting.popleft()
            ticket.answer = Answer(ticket.row, ticket.add, ticket.close)
            self._writing.append(ticket)
            joining.append(ticket.answer)
        if joining:
            batch.join(joining)

    def _pass_on(self) -> None:
        """Hand over the first words, the ends, and from time to time all the rest."""
        now = time.monotonic()
        is_time = now - self._handed_over >= max(HAND_OVER_S, ROW_S * len(self._writing))
        lots = [
            (ticket, ticket.text, ticket.end)
            for ticket in self._writing
            if ticket.end is not None or (ticket.text and (is_time or ticket.is_silent))
        ]
        if is_time:
            self._handed_over = now
        if not lots:
            return
        for ticket, text, _ in lots:
            ticket.text = ""
            ticket.is_silent = ticket.is_silent and not text
        self._writing = [ticket for ticket in self._writing if ticket.end is None]

        def deliver() -> None:
            for ticket, text, end in lots:
                ticket.deliver(text, end)

        try:
            self._hand_over(deliver)
        except RuntimeError:  # the loop has ended: nobody is left to hear it
            self._closing = True

    # --- in the thread, on demand -----------------------------------------------------------------

    def _arrive(self, ticket: Ticket) -> None:
        if self._decoder is None:
            ticket.close(Finished("", 0, True, LOAD_FAILED))
            self._writing.append(ticket)
            return
        name = ticket.row.adapter
        if name is not None and name in self._adapters:
            self._note_use(name)
        self._waiting.append(ticket)

    def _leave(self, ticket: Ticket) -> None:
        if ticket in self._waiting:
            self._waiting.remove(ticket)
        elif ticket.answer is not None and ticket.end is None:
            ticket.answer.end(truncated=True)

    def _fail_all(self) -> None:
        assert self._decoder is not None
        for ticket in self._writing:
            if ticket.answer is not None and ticket.end is None:
                ticket.answer.fail(FAILED)
        self._batch = Writing(self._decoder)

    def _load_adapter(self, name: str, folder: Path) -> None:
        assert self._decoder is not None
        self._decoder.add(name, folder)
        self._note_use(name)
        self._forget_unused()

    def _unload_adapter(self, name: str) -> None:
        assert self._decoder is not None
        for ticket in self._writing:
            if ticket.row.adapter == name and ticket.answer is not None and ticket.end is None:
                ticket.answer.fail("This model version was taken out of memory. Ask again.")
        self._adapters.pop(name, None)
        self._decoder.remove(name)

    def _note_use(self, name: str) -> None:
        self._adapters[name] = time.monotonic()
        self._adapters.move_to_end(name)

    def _forget_unused(self) -> None:
        worn = {ticket.row.adapter for ticket in (*self._waiting, *self._writing)}
        free = [name for name in self._adapters if name not in worn]
        since = time.monotonic() - UNUSED_S
        for name in free[:-1]:  # the newest was read just now
            if len(self._adapters) > MAX_ADAPTERS or self._adapters[name] < since:
                self._unload_adapter(name)


def load_decoder(options: EngineOptions) -> Decoder:
    """A base model, ready to decode. Slow: the weights are read here."""
    use_threads(options.threads)
    decoder = Decoder(load_trunk(options.base, options.device, options.dtype))
    # The first answer of a process is the slowest one: it is written here, for nobody.
    decoder.stream([Row("Hello", max_new_tokens=2, seed=0)], _nobody)
    return decoder


def _nobody(*_: Any) -> None:
    """Hears a text that nobody asked for."""
