"""Rollouts: responses drawn from the policy for pairs of query and behaviour, with all that an update needs.

Does not know where the reward comes from.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rlhb_core.config import SamplingSettings
from rlhb_core.data import Pair
from rlhb_core.generator import (
    Tokens,
    Trunk,
    by_length,
    collate,
    decode_responses,
    encode_prompt,
    score,
)
from rlhb_core.sampling import sample
from rlhb_core.scorers import Response


class Rollouts(NamedTuple):
    """B responses of a policy."""

    pairs: list[Pair]
    prompts: list[list[int]]
    responses: list[list[int]]  # token ids, closed by the end token if the response ended by itself
    texts: list[str]
    ended: Tensor  # [B] bool

    def part(self, start: int, end: int) -> "Rollouts":
        """Rows start to end."""
        rows = slice(start, end)
        return Rollouts(
            self.pairs[rows],
            self.prompts[rows],
            self.responses[rows],
            self.texts[rows],
            self.ended[rows],
        )

    def seen(self) -> list[Response]:
        """The responses as a scorer sees them."""
        return [
            Response(pair.query, text, bool(ended))
            for pair, text, ended in zip(self.pairs, self.texts, self.ended, strict=True)
        ]


def roll_out(trunk: Trunk, pairs: Sequence[Pair], settings: SamplingSettings) -> Rollouts:
    """One response per pair from the adapter in use."""
    prompts = [
        encode_prompt(trunk, pair.query, pair.behavior)[-settings.max_prompt_tokens :]
        for pair in pairs
    ]
    responses = sample(
        trunk, prompts, settings.temperature, settings.max_new_tokens, settings.batch
    )
    end = trunk.tokenizer.eos_token_id
    ended = torch.tensor([bool(tokens) and tokens[-1] == end for tokens in responses])
    return Rollouts(list(pairs), prompts, responses, decode_responses(trunk, responses), ended)


class Measured(NamedTuple):
    """What a policy says about rollouts; rows in the order of the rollouts."""

    logprobs: Tensor  # [B, R]
    mask: Tensor  # [B, R]
    entropy: Tensor  # [B, R]
    hidden: Tensor  # [B, R, H], before each response token


def token_batch(trunk: Trunk, rollouts: Rollouts, rows: Sequence[int]) -> Tokens:
    """These rows of the rollouts as one batch of tokens."""
    return collate(
        [rollouts.prompts[row] for row in rows],
        [rollouts.responses[row] for row in rows],
        trunk.device,
    )


def lengths(rollouts: Rollouts) -> list[int]:
    """Tokens of each row, prompt and response."""
    return [len(p) + len(r) for p, r in zip(rollouts.prompts, rollouts.responses, strict=True)]


@torch.no_grad()
def measure(
    trunk: Trunk, rollouts: Rollouts, temperature: float, batch: int, full: bool = True
) -> Measured:
    """Log-probabilities (and with `full` entropies and hidden states) under the adapter in use."""
    count, longest = len(rollouts.pairs), max(1, *map(len, rollouts.responses))
    width = trunk.model.config.get_text_config().hidden_size if full else 0
    found = Measured(
        torch.zeros(count, longest, device=trunk.device),
        torch.zeros(count, longest, device=trunk.device),
        torch.zeros(count, longest, device=trunk.device),
        torch.zeros(count, longest, width, device=trunk.device),
    )
    for rows in by_length(lengths(rollouts), batch):
        tokens = token_batch(trunk, rollouts, rows)
        scored = score(trunk, tokens, temperature)
        length = tokens.response_mask.shape[1]
        found.logprobs[rows, :length] = scored.logprobs
        found.mask[rows, :length] = tokens.response_mask
        if full:
            logs = torch.log_softmax(scored.logits, dim=-1)
            found.entropy[rows, :length] = -(logs.exp() * logs).sum(-1) * tokens.response_mask
            found.hidden[rows, :length] = scored.hidden[:, :-1]
    return found
