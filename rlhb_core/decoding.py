"""Decoding for people who watch: the rows of one batch through different adapters, text streamed per row.

Holds the sampling loop (one forward pass per step for all rows) and the rules by which a row ends. Samples from the model's own distribution at the row's temperature: no
top-p, no top-k, so that what people see is the policy that training speaks of.
Does not know model versions, people, or where the text goes.
"""

import inspect
import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rlhb_core.adapters import Adapters
from rlhb_core.errors import ModelError
from rlhb_core.generator import Trunk, encode_prompt
from rlhb_core.incremental_text import IncrementalText
from rlhb_core.kv_cache import cache_argument, roomy_cache
from rlhb_core.sampling import invert
from rlhb_core.servable import KEEPS_STATE

log = logging.getLogger(__name__)

OnText = Callable[[int, str], None]
"""Called with a row's index and the text that its last token added."""

ROOMY_BATCH = 8
"""Batches of at least so many rows are repacked once half of them have ended."""


@dataclass(frozen=True)
class Row:
    """One answer to write."""

    query: str
    behavior: str | None = None
    adapter: str | None = None
    temperature: float = 1.0
    max_new_tokens: int = 256
    seed: int | None = None
    """Given, the same batch gives the same texts again; None draws anew."""


@dataclass(frozen=True)
class Finished:
    """How a row ended."""

    text: str
    tokens: int
    """New tokens, the end token not counted."""
    truncated: bool
    """Cut at the longest length, or stopped, before the model ended it."""
    error: str = ""
    """What went wrong, in a sentence; empty if nothing did."""


def use_threads(count: int) -> None:
    """Let the calling thread decode on so many CPU threads; more than a small model needs only slow it down."""
    torch.set_num_threads(count)


class Decoder:
    """A trunk and the adapters it can wear. One batch at a time; callers from other threads wait.

    Raises ModelError for a model without a cache of keys and values (state-space models): padding would reach its state.
    """

    def __init__(self, trunk: Trunk) -> None:
        if getattr(trunk.model, "_is_stateful", False):
            raise ModelError(f"{type(trunk.model).__name__} {KEEPS_STATE}")
        self._trunk = trunk
        self._adapters = Adapters(trunk.model, trunk.device, trunk.dtype)
        self.ends = _end_tokens(trunk)
        """The tokens that end an answer."""
        self._room: int = getattr(trunk.model.config, "max_position_embeddings", None) or 1 << 30
        keeps = "logits_to_keep" in inspect.signature(trunk.model.forward).parameters
        self._forward_options = {"logits_to_keep": 1} if keeps else {}
        self._lock = threading.Lock()

    def add(self, name: str, adapter_folder: Path) -> None:
        """Load an adapter under a name; again under the same name replaces it. Raises ModelError."""
        with self._lock:
            self._adapters.remove(name)
            self._adapters.add(name, adapter_folder)

    def remove(self, name: str) -> None:
        """Forget an adapter."""
        with self._lock:
            self._adapters.remove(name)

    def stream(
        self,
        rows: Sequence[Row],
        on_text: OnText,
        stopped: Callable[[], bool] = lambda: False,
        on_end: Callable[[int, Finished], None] = lambda row, finished: None,
    ) -> list[Finished]:
        """Write all rows as one batch; returns how each ended, in the order of `rows`.

        `on_text(row, text)` gets the text as it grows, `on_end(row, finished)` each row as it ends, both in the calling
        thread. `stopped()` is asked before every step and ends all rows. A row that fails says so in its `error` and
        leaves the others alone.
        """
        with self._lock, torch.inference_mode():
            answers = [_Answer(i, row, self._trunk, on_text, on_end) for i, row in enumerate(rows)]
            prompts = [self._encode(answer) for answer in answers]
            batch = _Batch(
                [a for a, p in zip(answers, prompts, strict=True) if p is not None],
                [p for p in prompts if p is not None],
                self._trunk,
            )
            self._adapters.choose(batch.adapters)
            while batch.writing:
                if stopped():
                    batch.end_all()
                    break
                try:
                    tokens = batch.step(self._forward_options)
                except Exception as error:
                    log.exception("a decoding step failed")
                    batch.fail_all(_sentence(error))
                    break
                for answer, token in zip(batch.answers, tokens, strict=True):
                    if answer.finished is None:
                        answer.take(token, self.ends)
                if batch.is_roomy:
                    batch.repack()
                    self._adapters.choose(batch.adapters)
            return [answer.finished or Finished("", 0, True) for answer in answers]

    def _encode(self, answer: "_Answer") -> list[int] | None:
        """Token ids of the row's prompt, or None if the row cannot be written (it has ended then)."""
        row = answer.row
        try:
            if row.adapter is not None and row.adapter not in self._adapters:
                raise ModelError("This model version is not loaded. Ask again.")
            prompt = encode_prompt(self._trunk, row.query, row.behavior)
            if len(prompt) >= self._room:
                # no count: it differs where a behaviour stands above the query, and versions are compared blind
                raise ModelError(
                    f"The query is too long for this model, which takes fewer than {self._room} tokens. Shorten it."
                )
        except Exception as error:
            if not isinstance(error, ModelError):
                log.exception("a prompt could not be encoded")
            answer.fail(_sentence(error))
            return None
        answer.limit = min(row.max_new_tokens, self._room - len(prompt))
        return prompt


class _Answer:
    """One row's text while it grows."""

    def __init__(
        self,
        index: int,
        row: Row,
        trunk: Trunk,
        on_text: OnText,
        on_end: Callable[[int, Finished], None],
    ) -> None:
        self.index = index
        self.row = row
        self.limit = row.max_new_tokens
        self.random = random.Random(row.seed)
        self.finished: Finished | None = None
        self._text = IncrementalText(trunk.tokenizer)
        self._on_text = on_text
        self._on_end = on_end

    def take(self, token: int, ends: frozenset[int]) -> None:
        """The next token: more text, or the end. A negative one means that the model's numbers broke."""
        if token < 0:
            return self.fail("The model's output is not a number any more; its weights are broken.")
        if token in ends:
            return self.end(truncated=False)
        try:
            if text := self._text.push(token):
                self._on_text(self.index, text)
        except Exception as error:
            log.exception("the text of a row could not be passed on")
            return self.fail(_sentence(error))
        if self._text.tokens >= self.limit:
            self.end(truncated=True)
        return None

    def end(self, truncated: bool, error: str = "") -> None:
        """Close the row."""
        self.finished = Finished(self._text.text, self._text.tokens, truncated, error)
        try:
            self._on_end(self.index, self.finished)
        except Exception:
            log.exception("the end of a row could not be passed on")

    def fail(self, sentence: str) -> None:
        """Close the row with what went wrong; the text so far is kept."""
        self.end(truncated=True, error=sentence)


class _Batch:
    """The tensors of the rows that are being written together."""

    def __init__(
        self, answers: list[_Answer], prompts: Sequence[Sequence[int]], trunk: Trunk
    ) -> None:
        self.answers = answers
        self._model = trunk.model
        self._device = trunk.device
        rows, longest = len(prompts), max(map(len, prompts), default=0)
        room = longest + max((answer.limit for answer in answers), default=0)
        ids = torch.zeros(
            rows, longest, dtype=torch.long
        )  # what stands under the mask's zeros is never seen
        mask = torch.ones(rows, room, dtype=torch.long)
        for row, prompt in enumerate(prompts):  # padded on the left
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask[row, : longest - len(prompt)] = 0
        self._length = longest
        self._ids = ids.to(self._device)  # [rows, T] of the next forward pass
        self._mask = mask.to(self._device)  # [rows, room]
        self._positions = (self._mask[:, :longest].cumsum(1) - 1).clamp(min=0)  # [rows, T]
        self._cache = roomy_cache(trunk.model.config, room)
        self._cached = {cache_argument(trunk.model): self._cache}

    @property
    def adapters(self) -> list[str | None]:
        return [answer.row.adapter for answer in self.answers]

    @property
    def writing(self) -> bool:
        """Whether any row is still being written."""
        return any(answer.finished is None for answer in self.answers)

    @property
    def is_roomy(self) -> bool:
        """Whether so many rows have ended that the others are better off alone."""
        left = sum(answer.finished is None for answer in self.answers)
        return len(self.answers) >= ROOMY_BATCH and 0 < left <= len(self.answers) // 2

    def step(self, options: dict[str, int]) -> list[int]:
        """One forward pass; the next token of every row, -1 where the probabilities are not finite."""
        logits = self._model(
            input_ids=self._ids,
            attention_mask=self._mask[:, : self._length],
            position_ids=self._positions,
            **self._cached,
            use_cache=True,
            **options,
        ).logits[:, -1]  # [rows, vocabulary]
        tokens = _sample(logits, [answer.row.temperature for answer in self.answers], self._draw())
        self._ids = tokens.clamp(min=0)[:, None]
        self._positions = self._positions[:, -1:] + 1
        self._length += 1
        return [int(token) for token in tokens.tolist()]

    def _draw(self) -> list[float]:
        return [answer.random.random() for answer in self.answers]

    def repack(self) -> None:
        """Let the rows that have ended go."""
        keep = [i for i, answer in enumerate(self.answers) if answer.finished is None]
        index = torch.tensor(keep, device=self._device)
        self.answers = [self.answers[i] for i in keep]
        self._ids, self._mask = self._ids[index], self._mask[index]
        self._positions = self._positions[index]
        self._cache.batch_select_indices(index)

    def end_all(self) -> None:
        """Close the rows still open, as cut."""
        for answer in self.answers:
            if answer.finished is None:
                answer.end(truncated=True)

    def fail_all(self, sentence: str) -> None:
        """Close the rows still open with what went wrong."""
        for answer in self.answers:
            if answer.finished is None:
                answer.fail(sentence)


def _sample(logits: Tensor, temperatures: Sequence[float], draws: Sequence[float]) -> Tensor:
    """One token per row by inverting the cumulated probabilities at `draws`, each in [0, 1).

    logits: [rows, vocabulary]. Temperature 0 takes the most probable token. Returns [rows], -1 where the logits of a row
    are not finite numbers.
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
