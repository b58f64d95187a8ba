"""Sampling for training: responses from the model's own distribution, in large batches that ended rows leave.

Every row draws from numbers of its own, so that neither the order of rows nor how they are put into batches changes
what a seed gives. Does not know adapters, and nobody watches: see `decoding.py` for answers that people read.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rlhb_core.errors import RunError
from rlhb_core.lm.batch import Batch
from rlhb_core.lm.generator import (
    Measured,
    by_length,
    from_left,
    log_probabilities,
    unmeasured,
)
from rlhb_core.lm.trunk import Trunk

CROWDED = 0.85
"""Ended rows leave the batch when fewer than this share of its rows is still being written."""


class Sampled(NamedTuple):
    """Responses as token ids; one that ended by itself closes with the end token."""

    tokens: list[list[int]]
    measured: Measured | None


@torch.no_grad()
def sample(
    trunk: Trunk,
    prompts: Sequence[Sequence[int]],
    temperature: float,
    max_new_tokens: int,
    batch: int = 128,
    keep: bool = False,
) -> Sampled:
    """One response per prompt, at most `batch` of them at once: no top-p, no top-k.

    With `keep` also what the policy said of every token while it wrote, so that it need not be asked again. Draws from
    torch's global generator: a seed gives the same responses again. Raises RunError if probabilities are not finite.
    """
    draws = torch.rand(len(prompts), max_new_tokens, dtype=torch.float64)
    measured = unmeasured(trunk, len(prompts), max_new_tokens) if keep else None
    found = Sampled([[] for _ in prompts], measured)
    for rows in by_length([len(prompt) for prompt in prompts], batch):
        _write(trunk, prompts, rows, draws, temperature, found)
    return found if measured is None else found._replace(measured=_cut(measured, found.tokens))


def _write(
    trunk: Trunk,
    prompts: Sequence[Sequence[int]],
    rows: Sequence[int],
    draws: Tensor,
    temperature: float,
    found: Sampled,
) -> None:
    """Write the responses to these prompts, as one batch, into `found`. draws: [all prompts, longest response]."""
    batch = Batch.of_prompts(trunk, [prompts[row] for row in rows], to_come=draws.shape[1])
    writing = torch.tensor(rows)  # the row of each line of the batch
    for step in range(draws.shape[1]):
        out = batch.forward(output_hidden_states=found.measured is not None)
        logs = log_probabilities(out.logits[:, -1].float() / temperature)  # [lines, V]
        drawn = invert(logs.exp(), draws[writing, step])
        going = _append(
            found.tokens, writing.tolist(), drawn.tolist(), trunk.tokenizer.eos_token_id
        )
        if found.measured is not None:
            _keep(found.measured, writing, step, logs, drawn, out.hidden_states[-1][:, -1])
        if not going:
            break
        batch.append(drawn)
        if len(going) < CROWDED * len(writing):
            left = torch.tensor(going)
            writing = writing[left]
            batch.keep(left)


def _append(found: list[list[int]], rows: list[int], drawn: list[int], end: int) -> list[int]:
    """Append a token to every row that has not ended yet; the lines of the batch that still go on."""
    going = []
    for line, (row, token) in enumerate(zip(rows, drawn, strict=True)):
        if token < 0:
            raise RunError(
                "the policy's probabilities are not numbers any more: lower ppo.learning_rate"
            )
        if found[row] and found[row][-1] == end:
            continue
        found[row].append(token)
        if token != end:
            going.append(line)
    return going


def _keep(
    measured: Measured, rows: Tensor, step: int, logs: Tensor, drawn: Tensor, hidden: Tensor
) -> None:
    """What the policy said at one step. logs: [lines, V]; drawn: [lines]; hidden: [lines, H]."""
    rows = rows.to(logs.device)
    measured.logprobs[rows, step] = logs.gather(1, drawn[:, None])[:, 0]
    measured.entropy[rows, step] = -(logs.exp() * logs).sum(1)
    measured.hidden[rows, step] = hidden.float()


def _cut(measured: Measured, tokens: Sequence[Sequence[int]]) -> Measured:
    """Without the steps that no response reached, and 0 behind the end of each."""
    longest = max([1, *map(len, tokens)])
    mask = from_left([len(row) for row in tokens], longest).to(measured.mask.device)
    return Measured(
        measured.logprobs[:, :longest] * mask,
        mask,
        measured.entropy[:, :longest] * mask,
        measured.hidden[:, :longest] * mask[:, :, None],
    )


def invert(probabilities: Tensor, draws: Tensor) -> Tensor:
    """One token per row by inverting the cumulated probabilities at `draws`, each in [0, 1).

    probabilities: [rows, V]; draws: [rows], float64. Returns [rows], -1 where probabilities are not finite.
    """
    # float64 where there is any: in a large vocabulary float32 sums would swallow the rare tokens
    precision = torch.float32 if probabilities.device.type == "mps" else torch.float64
    cumulated = probabilities.cumsum(dim=-1, dtype=precision)
    total = cumulated[:, -1]
    wanted = draws.to(probabilities.device, precision) * total
    tokens = torch.searchsorted(cumulated, wanted[:, None], right=True)[:, 0]
    tokens = tokens.clamp(max=probabilities.shape[1] - 1)
    return torch.where(torch.isfinite(total), tokens, -1)
