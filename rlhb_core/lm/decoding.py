"""Decoding for people who watch: the rows of one batch through different adapters, text streamed per row.

Holds the sampling loop (one forward pass per step for all rows), how rows join a batch that is under way, and the rules
by which a row ends. Samples from the model's own distribution at the row's temperature: no top-p, no top-k, so that
what people see is the policy that training speaks of.
Does not know model versions, people, or where the text goes.
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from rlhb_core.errors import ModelError
from rlhb_core.lm.adapters import Adapters
from rlhb_core.lm.batch import Batch, joined
from rlhb_core.lm.generator import encode_response, fit_prompt
from rlhb_core.lm.incremental_text import IncrementalText
from rlhb_core.lm.rows import Finished, Row
from rlhb_core.lm.sampling import invert
from rlhb_core.lm.servable import KEEPS_STATE
from rlhb_core.lm.trunk import Trunk

log = logging.getLogger(__name__)

OnText = Callable[[str], None]
"""Called with the text that a row's last token added."""

ROOMY_BATCH = 8
"""Batches of at least so many rows are repacked once half of them have ended."""


def use_threads(count: int) -> None:
    """Let the calling thread decode on so many CPU threads; more than a small model needs only slow it down."""
    torch.set_num_threads(count)


class Decoder:
    """A trunk and the adapters it can wear. One batch at a time; callers from other threads wait.

    Raises ModelError for a model without a cache of keys and values (state-space models):
    padding would reach its state.
    """

    def __init__(self, trunk: Trunk) -> None:
        if getattr(trunk.model, "_is_stateful", False):
            raise ModelError(f"{type(trunk.model).__name__} {KEEPS_STATE}")
        self.trunk = trunk
        self.adapters = Adapters(trunk.model, trunk.device, trunk.dtype)
        self.ends = _end_tokens(trunk)
        """The tokens that end an answer."""
        self.room: int = getattr(trunk.model.config, "max_position_embeddings", None) or 1 << 30
        """Tokens of a prompt and its answer together."""
        self._lock = threading.Lock()

    def add(self, name: str, adapter_folder: Path) -> None:
        """Load an adapter under a name; again under the same name replaces it. Raises ModelError."""
        with self._lock:
            self.adapters.remove(name)
            self.adapters.add(name, adapter_folder)

    def remove(self, name: str) -> None:
        """Forget an adapter."""
        with self._lock:
            self.adapters.remove(name)

    def stream(
        self,
        rows: Sequence[Row],
        on_text: Callable[[int, str], None],
        stopped: Callable[[], bool] = lambda: False,
        on_end: Callable[[int, Finished], None] = lambda row, finished: None,
    ) -> list[Finished]:
        """Write all rows as one batch; returns how each ended, in the order of `rows`.

        `on_text(row, text)` gets the text as it grows, `on_end(row, finished)` each row as it ends, both in the calling
        thread. `stopped()` is asked before every step and ends all rows.
        A row that fails says so in its `error` and leaves the others alone.
        """
        with self._lock:
            answers = [
                Answer(row, partial(on_text, index), partial(on_end, index))
                for index, row in enumerate(rows)
            ]
            writing = Writing(self)
            if not stopped():
                writing.join(answers)
            while writing.rows and not stopped():
                writing.step()
            for answer in answers:
                if answer.finished is None:
                    answer.end(truncated=True)
            return [answer.finished or Finished("", 0, True) for answer in answers]


class Answer:
    """One row's text while it grows. `on_text` and `on_end` are called in the thread that writes."""

    def __init__(self, row: Row, on_text: OnText, on_end: Callable[[Finished], None]) -> None:
        self.row = row
        self.limit = row.max_new_tokens
        self.random = random.Random(row.seed)
        self.finished: Finished | None = None
        self.left_out = 0
        self._text: IncrementalText | None = None
        self._on_text = on_text
        self._on_end = on_end

    def begin(self, decoder: Decoder) -> list[int] | None:
        """Token ids of the row's prompt, or None if the row cannot be written (it has ended then)."""
        try:
            return self._begun(decoder)
        except Exception as error:
            if not isinstance(error, ModelError):
                log.exception("a prompt could not be encoded")
            self.fail(_sentence(error))
            return None

    def _begun(self, decoder: Decoder) -> list[int]:
        row, room = self.row, decoder.room
        if row.adapter is not None and row.adapter not in decoder.adapters:
            raise ModelError("This model version is not loaded. Ask again.")
        so_far = encode_response(decoder.trunk, row.so_far, ended=False) if row.so_far else []
        # Turns before the question have to leave room for an answer of the length that is wanted.
        answer = min(row.max_new_tokens, room // 2)
        fitted = fit_prompt(
            decoder.trunk, row.query, row.behavior, max(0, room - answer - len(so_far))
        )
        prompt, self.left_out = fitted.ids + so_far, fitted.left_out
        if len(prompt) >= room:
            # no count: it differs where a behaviour stands above the query, and versions are compared blind
            what = "query and the answer so far are" if so_far else "query is"
            raise ModelError(
                f"The {what} too long for this model, which takes fewer than {room} tokens. Shorten it."
            )
        self.limit = min(row.max_new_tokens, room - len(prompt))
        self._text = IncrementalText(decoder.trunk.tokenizer, so_far)
        return prompt

    @property
    def left(self) -> int:
        """How many tokens it may still get."""
        return self.limit - (self._text.tokens if self._text else 0)

    def take(self, token: int, ends: frozenset[int]) -> None:
        """The next token: more text, or the end. A negative one means that the model's numbers broke."""
        assert self._text is not None  # it has begun
        if token < 0:
            return self.fail("The model's output is not a number any more; its weights are broken.")
        if token in ends:
            return self.end(truncated=False)
        try:
            if text := self._text.push(token):
                self._on_text(text)
        except Exception as error:
            log.exception("the text of a row could not be passed on")
            return self.fail(_sentence(error))
        if not self.left:
            self.end(truncated=True)
        return None

    def end(self, truncated: bool, error: str = "") -> None:
        """Close the row."""
        text, tokens = (self._text.text, self._text.tokens) if self._text else ("", 0)
        self.finished = Finished(text, tokens, truncated, error, self.left_out)
        try:
            self._on_end(self.finished)
        except Exception:
            log.exception("the end of a row could not be passed on")

    def fail(self, sentence: str) -> None:
        """Close the row with what went wrong; the text so far is kept."""
        self.end(truncated=True, error=sentence)


class Writing:
    """The rows that are being written on one trunk: more join between two steps, and each leaves when it has ended.

    What a row says does not depend on who is beside it. To be used by one thread.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._batch: _Batch | None = None

    @property
    def rows(self) -> int:
        """How many rows are being written."""
        return len(self._batch.living) if self._batch else 0

    @property
    def takes_more(self) -> bool:
        """Whether rows can join now: with some models only once all others have ended."""
        if self._batch is None or not self._batch.living:
            return True
        return self._batch.rows.takes_more

    @torch.inference_mode()
    def join(self, answers: Sequence[Answer]) -> None:
        """Begin more rows; their first tokens are written here, by themselves: a failure is theirs alone."""
        begun = [
            (answer, prompt)
            for answer in answers
            if (prompt := answer.begin(self._decoder)) is not None
        ]
        if not begun:
            return
        fresh = _Batch.of(begun, self._decoder.trunk)
        self._advance(fresh)
        if not fresh.living:
            return
        before = self._batch
        self._batch = _together(before, fresh) if before and before.living else fresh

    @torch.inference_mode()
    def step(self) -> None:
        """One more token for every row. Rows that somebody has ended leave."""
        if self._batch is not None and self._batch.living:
            self._advance(self._batch)

    def _advance(self, batch: "_Batch") -> None:
        if batch.is_roomy:
            batch.repack()
        self._decoder.adapters.choose([answer.row.adapter for answer in batch.answers])
        try:
            tokens = batch.step()
        except Exception as error:
            log.exception("a decoding step failed")
            for answer in batch.living:
                answer.fail(_sentence(error))
            return
        for answer, token in zip(batch.answers, tokens, strict=True):
            if answer.finished is None:
                answer.take(token, self._decoder.ends)


@dataclass
class _Batch:
    """Answers that are being written together, and their rows in this order."""

    answers: list[Answer]
    rows: Batch

    @classmethod
    def of(cls, begun: Sequence[tuple[Answer, list[int]]], trunk: Trunk) -> "_Batch":
        """Answers with their prompts, of which nothing has been computed yet."""
        to_come = max(answer.left for answer, _ in begun)
        rows = Batch.of_prompts(trunk, [prompt for _, prompt in begun], to_come)
        return cls([answer for answer, _ in begun], rows)

    @property
    def living(self) -> list[Answer]:
        """The answers that are still being written."""
        return [answer for answer in self.answers if answer.finished is None]

    @property
    def living_rows(self) -> Tensor:
        """Their indices."""
        return torch.tensor([i for i, each in enumerate(self.answers) if each.finished is None])

    @property
    def is_roomy(self) -> bool:
        """Whether so many answers have ended that the others are better off alone."""
        return len(self.answers) >= ROOMY_BATCH and len(self.living) <= len(self.answers) // 2

    def step(self) -> list[int]:
        """One forward pass; the next token of every row, -1 where the probabilities are not finite."""
        logits = self.rows.forward().logits[:, -1]  # [rows, V]
        draws = [answer.random.random() for answer in self.answers]
        tokens = _sample(logits, [answer.row.temperature for answer in self.answers], draws)
        self.rows.append(tokens.clamp(min=0))
        return [int(token) for token in tokens.tolist()]

    def repack(self) -> None:
        """Let the rows that have ended go."""
        self.rows.keep(self.living_rows)
        self.answers = self.living


def _together(*batches: _Batch) -> _Batch:
    """The living answers of batches that have each computed something, as one batch."""
    answers = [answer for batch in batches for answer in batch.living]
    to_come = max(answer.left for answer in answers)
    return _Batch(answers, joined([(each.rows, each.living_rows) for each in batches], to_come))


def _sample(logits: Tensor, temperatures: Sequence[float], draws: Sequence[float]) -> Tensor:
    """One token per row by inverting the cumulated probabilities at `draws`, each in [0, 1).

    logits: [rows, vocabulary]. Temperature 0 takes the most probable token. Returns [rows], -1 where the logits of a
    row are not finite numbers.
    """
    device = logits.device
    temperature = torch.tensor(temperatures, device=device)[:, None]
    scaled = logits.float() / temperature.clamp(min=1e-4)
    tokens = invert(torch.softmax(scaled, dim=-1), torch.tensor(draws, dtype=torch.float64))
    if min(temperatures) == 0:
        greedy = (temperature[:, 0] == 0) & (tokens >= 0)
        tokens = torch.where(greedy, logits.argmax(-1), tokens)
    return tokens


def _end_tokens(trunk: Trunk) -> frozenset[int]:
    """The tokens that end an answer, as the tokenizer and the generation config name them."""
    config = trunk.model.generation_config
    named = config.eos_token_id if config is not None else None
    ends = {named} if isinstance(named, int) else set(named or ())
    if isinstance(trunk.tokenizer.eos_token_id, int):
        ends.add(trunk.tokenizer.eos_token_id)
    return frozenset(ends)


def _sentence(error: Exception) -> str:
    """What a person may read about a failure; the details are in the log."""
    if isinstance(error, ModelError):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return "The model ran out of memory while it was answering. Ask again, or ask something shorter."
    return (
        "The model failed while it was answering. Ask again; the details are in the server's log."
    )
