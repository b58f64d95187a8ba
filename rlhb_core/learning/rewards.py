"""Rewards per token and advantages: the arithmetic between a score and a policy update. Pure tensor functions.

All tensors are [B, R] over response tokens with an explicit mask, unless said otherwise.
"""

from typing import NamedTuple

import torch
from torch import Tensor

LOG_RATIO_BOUND = 20.0
"""Guard of every log-ratio against overflow."""


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the positions where the mask is 1."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def log_ratio(new: Tensor, old: Tensor) -> Tensor:
    """The difference new - old, clamped against overflow."""
    return (new - old).clamp(-LOG_RATIO_BOUND, LOG_RATIO_BOUND)


def penalise_truncated(rewards: Tensor, ended: Tensor, penalty: float) -> Tensor:
    """Take `penalty` spreads of the batch off the reward of responses that were cut off. [B], [B] bool -> [B]."""
    if len(rewards) < 2:
        return rewards
    return torch.where(ended, rewards, rewards - penalty * rewards.std())


def centre_groups(rewards: Tensor, size: int) -> Tensor:
    """Each reward minus the mean of the others of its group (leave one out); groups are runs of `size` rows.
    [B] -> [B].
    """
    if size < 2:
        return rewards
    groups = rewards.view(-1, size)
    others = (groups.sum(1, keepdim=True) - groups) / (size - 1)
    return (groups - others).view(-1)


def token_rewards(
    rewards: Tensor, logprobs: Tensor, reference: Tensor, mask: Tensor, kl: float
) -> Tensor:
    """The reward on the last real token, minus the KL penalty (plain log-ratio, k1) on every token.

    rewards: [B]. Returns [B, R].
    """
    found = -kl * log_ratio(logprobs, reference) * mask
    last = mask.long().sum(1) - 1  # [B]
    rows = torch.arange(len(rewards), device=rewards.device)
    filled = last >= 0
    found[rows[filled], last[filled]] += rewards[filled]
    return found


class Advantages(NamedTuple):
    """What GAE gives, both [B, R] and 0 under the mask."""

    advantages: Tensor
    returns: Tensor


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> Advantages:
    """Generalised advantage estimation (arXiv 1506.02438); a response's end is the end of its episode."""
    values = values * mask
    advantage = torch.zeros_like(values[:, 0])
    following = torch.zeros_like(advantage)
    found = torch.zeros_like(values)
    for step in reversed(range(values.shape[1])):
        delta = rewards[:, step] + gamma * following - values[:, step]
        advantage = (delta + gamma * lam * advantage) * mask[:, step]
        found[:, step] = advantage
        following = values[:, step]
    return Advantages(found, (found + values) * mask)


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Mean 0 and variance 1 over all real tokens of the batch; 0 under the mask."""
    mean = masked_mean(values, mask)
    variance = masked_mean((values - mean) ** 2, mask)
    return (values - mean) * torch.rsqrt(variance + 1e-8) * mask


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """1 - var(returns - values) / var(returns) over real tokens; 0 if the returns do not vary."""
    chosen = mask.bool()
    target, error = returns[chosen], (returns - values)[chosen]
    if target.numel() < 2 or float(target.var()) < 1e-8:
        return 0.0
    return float(1 - error.var() / target.var())
