"""Rollouts: responses drawn from the policy for pairs of query and behaviour, with all that an update needs.

Does not know where the reward comes from.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rlhb_core.lm.generator import (
    Measured,
    Tokens,
    by_length,
    collate,
    decode_responses,
    encode_prompt,
    from_left,
    log_probabilities,
    score,
    unmeasured,
)
from rlhb_core.lm.sampling import sample
from rlhb_core.lm.scorers import Written
from rlhb_core.lm.trunk import Trunk
from rlhb_core.run.data import Pair
from rlhb_core.run.sections import SamplingSettings


class Rollouts(NamedTuple):
    """B responses of a policy."""

    pairs: list[Pair]
    prompts: list[list[int]]
    responses: list[list[int]]  # token ids, closed by the end token if the response ended by itself
    texts: list[str]
    ended: Tensor  # [B] bool
    measured: Measured | None  # what the policy said of them while it wrote them, if that was kept

    def rows(self, index: Sequence[int]) -> "Rollouts":
        """The rows named by `index`; what was measured of them is as wide as the longest of these."""
        longest = max((len(self.responses[row]) for row in index), default=0)
        return Rollouts(
            [self.pairs[row] for row in index],
            [self.prompts[row] for row in index],
            [self.responses[row] for row in index],
            [self.texts[row] for row in index],
            self.ended[list(index)],
            self.measured
            and Measured(*(tensor[list(index), : max(1, longest)] for tensor in self.measured)),
        )

    def seen(self) -> list[Written]:
        """The responses as a scorer sees them."""
        return [
            Written(pair.query, text, bool(ended))
            for pair, text, ended in zip(self.pairs, self.texts, self.ended, strict=True)
        ]


def roll_out(
    trunk: Trunk, pairs: Sequence[Pair], settings: SamplingSettings, keep: bool = False
) -> Rollouts:
    """One response per pair from the adapter in use; with `keep` also what it said of every token."""
    prompts = [
        encode_prompt(trunk, pair.query, pair.behavior, settings.max_prompt_tokens)
        for pair in pairs
    ]
    responses, measured = sample(
        trunk, prompts, settings.temperature, settings.max_new_tokens, settings.batch, keep
    )
    end = trunk.tokenizer.eos_token_id
    ended = torch.tensor([tokens[-1:] == [end] for tokens in responses], dtype=torch.bool)
    texts = decode_responses(trunk, responses)
    return Rollouts(list(pairs), prompts, responses, texts, ended, measured)


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
    longest = max(1, *map(len, rollouts.responses))
    found = unmeasured(trunk, len(rollouts.pairs), longest, full)
    found.mask.copy_(from_left([len(response) for response in rollouts.responses], longest))
    for rows in by_length(lengths(rollouts), batch):
        tokens = token_batch(trunk, rollouts, rows)
        scored = score(trunk, tokens, temperature)
        real = tokens.response_mask.bool()
        line, column = found.mask[rows].nonzero(as_tuple=True)
        at = torch.tensor(rows, device=line.device)[line], column
        found.logprobs[at] = scored.logprobs[real]
        if full:
            logs = log_probabilities(scored.logits)
            found.entropy[at] = -(logs.exp() * logs).sum(-1)[real]
            found.hidden[at] = scored.hidden[:, :-1][real]
    return found
