"""Our two LoRA layers beside PEFT's, on the embedded model, one thread, CPU time, in turn, the best of each counts.

`MixedLinear` serves: three rows with three adapters, decoded by our loop, the peer with PEFT's mixed batch in the same
loop. `MergedLinear` trains: rollouts of one minibatch, and such a minibatch forward and backward, the peer with the
layer that PEFT makes by itself.
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from rlhb_core.lm.decoding import Decoder
from rlhb_core.lm.generator import collate, encode_prompt, score
from rlhb_core.lm.rows import Row
from rlhb_core.lm.sampling import sample
from rlhb_core.lm.trunk import Trunk, load_trunk
from rlhb_core.world import sample_queries
from tests.bench.run import row

QUERY = "Which language do people speak in Brazil?"
NEW_TOKENS = 64
TURNS = 20
RANK = 32
NAMES = ("first", "second", "third")
MINIBATCH = 32
RESPONSE = 24  # tokens


def rows() -> list[dict[str, Any]]:
    """`mixed_lora_ms`, a step of decoding; `merged_lora_rollout_ms` and `merged_lora_ms`, a minibatch of training."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            adapters = {name: random_adapter(Path(folder) / name) for name in NAMES}
            ours, peers = _serving(adapters), _serving(adapters, _PeftAdapters)
            assert ours() == peers(), "both do the same work"
            mixed, peft_mixed = in_turn(ours, peers)
        (roll, train), (peft_roll, peft_train) = _training(ours=True), _training(ours=False)
        assert roll() == peft_roll(), "both do the same work"
        rolled, peft_rolled, trained, peft_trained = in_turn(roll, peft_roll, train, peft_train)
    finally:
        torch.set_num_threads(threads)
    per_token = 1000 / NEW_TOKENS
    unit, peer = "CPU-ms", "PEFT"
    return [
        row(
            "mixed_lora_ms",
            mixed * per_token,
            unit,
            peer,
            peft_mixed * per_token,
            peft_mixed / mixed,
        ),
        row(
            "merged_lora_rollout_ms",
            rolled * 1000,
            unit,
            peer,
            peft_rolled * 1000,
            peft_rolled / rolled,
        ),
        row(
            "merged_lora_ms",
            trained * 1000,
            unit,
            peer,
            peft_trained * 1000,
            peft_trained / trained,
        ),
    ]


def in_turn(*works: Callable[[], object]) -> list[float]:
    """CPU-seconds of each piece of work, the best of its turns."""
    best = [float("inf")] * len(works)
    for _ in range(TURNS):
        for number, work in enumerate(works):
            began = time.process_time()
            work()
            best[number] = min(best[number], time.process_time() - began)
    return best


class _PeftAdapters:
    """What a decoder wants of its adapters, by PEFT's mixed batches."""

    def __init__(self, trunk: Trunk) -> None:
        self._trunk = trunk
        self._model: PeftModel | None = None
        self._rows: Sequence[str | None] = ()

    def __contains__(self, name: str) -> bool:
        return True

    def add(self, name: str, folder: Path) -> None:
        """Load an adapter."""
        if self._model is None:
            self._model = PeftModel.from_pretrained(self._trunk.model, folder, adapter_name=name)
        else:
            self._model.load_adapter(folder, adapter_name=name)
        self._model.eval()

    def remove(self, name: str) -> None:
        """Nothing is ever removed here."""

    def choose(self, rows: Sequence[str | None]) -> None:
        """Which adapter each row takes."""
        self._rows = rows

    def forward(self, **inputs: Any) -> Any:
        """The forward pass of the model with the chosen adapters."""
        assert self._model is not None
        return self._model(adapter_names=list(self._rows), **inputs)


class _Wearing:
    """A model whose forward pass wears PEFT's adapters."""

    def __init__(self, model: Any, adapters: _PeftAdapters) -> None:
        self._model, self._adapters = model, adapters
        self.forward = model.forward  # whose signature is looked at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, **inputs: Any) -> Any:
        return self._adapters.forward(**inputs)


def _serving(
    adapters: dict[str, Path], kind: type[_PeftAdapters] | None = None
) -> Callable[[], list[str]]:
    trunk = load_trunk("embedded", "cpu", "float32")
    decoder: Any = Decoder(trunk)
    decoder.ends = frozenset()
    if kind:
        decoder.adapters = kind(trunk)
    for name, folder in adapters.items():
        decoder.add(name, folder)
    if kind:
        wearing: Any = _Wearing(trunk.model, decoder.adapters)
        decoder.trunk = dataclasses.replace(trunk, model=wearing)
    batch = [Row(QUERY, adapter=name, max_new_tokens=NEW_TOKENS, seed=0) for name in adapters]

    def work() -> list[str]:
        finished = decoder.stream(batch, lambda row, text: None)
        assert all(each.tokens == NEW_TOKENS for each in finished)
        return [each.text for each in finished]

    return work


def _training(ours: bool) -> tuple[Callable[[], list[list[int]]], Callable[[], None]]:
    trunk = load_trunk("embedded", "cpu", "float32")
    if ours:
        trunk.add_adapter("policy", RANK, RANK)
    else:
        config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules="all-linear")
        trunk.adapters = PeftModel(trunk.model, config, adapter_name="policy")
    queries = sample_queries(np.random.default_rng(0), MINIBATCH, held_out=False)
    prompts = [encode_prompt(trunk, query) for query in queries]
    answers = np.random.default_rng(1).integers(10, 100, (MINIBATCH, RESPONSE)).tolist()
    tokens = collate(prompts, answers, trunk.device)

    def roll() -> list[list[int]]:
        torch.manual_seed(0)
        with trunk.using("policy"):
            return sample(trunk, prompts, 1.0, RESPONSE).tokens

    def train() -> None:
        with trunk.using("policy"):
            score(trunk, tokens).logprobs.sum().backward()
        trunk.model.zero_grad()

    return roll, train


def random_adapter(folder: Path) -> Path:
    """An adapter of the shape that training makes, with random weights: what it says does not matter here."""
    config = LoraConfig(r=RANK, target_modules="all-linear", init_lora_weights=False)
    model = get_peft_model(load_trunk("embedded", "cpu", "float32").model, config)
    model.save_pretrained(str(folder))
    return folder
