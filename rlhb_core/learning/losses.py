"""The losses: PPO, discriminator, choice model. Pure tensor functions, each tested on numbers worked by hand."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from rlhb_core.learning.ranking import ranking_losses
from rlhb_core.learning.rewards import log_ratio


class PolicyLoss(NamedTuple):
    """Sums over real tokens, to be divided by the tokens of the whole batch: so micro-batches add up exactly."""

    loss: Tensor
    clipped: Tensor
    kl: Tensor
    ratio: Tensor


def policy_loss(
    new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor, clip: float
) -> PolicyLoss:
    """PPO's clipped surrogate (arXiv 1707.06347), summed over real tokens. All tensors [B, R]."""
    logs = log_ratio(new, old)
    ratio = logs.exp()
    plain = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - clip, 1 + clip)
    return PolicyLoss(
        (torch.maximum(plain, clipped) * mask).sum(),
        ((clipped > plain) * mask).sum().detach(),
        ((ratio - 1 - logs) * mask).sum().detach(),  # k3, for display
        (ratio * mask).sum().detach(),
    )


def summed_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Entropy of the next token in nats, summed over real tokens. logits: [B, R, V]; mask: [B, R]."""
    logs = torch.log_softmax(logits, dim=-1)
    return -((logs.exp() * logs).sum(-1) * mask).sum()


def adversarial_loss(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """Binary cross-entropy with real as 1 - smoothing and generated as smoothing; each kind weighs one half.

    real, fake: logits [N], [M]. Smoothing both sides alike keeps full confusion at a logit of 0. Returns the mean.
    """
    on_real = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 1 - smoothing))
    on_fake = F.binary_cross_entropy_with_logits(fake, torch.full_like(fake, smoothing))
    return 0.5 * (on_real + on_fake)


def relativistic_loss(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """Bradley-Terry on pairs: is the logged answer more real than the generated one to the same query and behaviour?

    real, fake: logits [N], [N], pair by pair (relativistic GAN, arXiv 1807.00734). Only differences count, so the level
    of D's output has no meaning of its own and is read after calibration. Returns the mean.
    """
    difference = real - fake
    return F.binary_cross_entropy_with_logits(
        difference, torch.full_like(difference, 1 - smoothing)
    )


def mismatch_loss(true: Tensor, swapped: Tensor) -> Tensor:
    """How badly a response's true behaviour ranks above another one. Logits [N], [N].

    Only the difference counts, so mismatched triplets make D look at the behaviour without moving its 0.5.
    """
    return F.softplus(swapped - true).mean()


def pairing_loss(crossed: Tensor) -> Tensor:
    """Binary cross-entropy of telling who did what: each response with its own behaviour against with everyone's.

    crossed: logits [N, N] of every response under every behaviour, its own on the diagonal. At the optimum the logit is
    the log-ratio of p(behaviour | query, response) to p(behaviour), which is also what tells logged triplets from those
    of a generator that does not heed the behaviour. A batch holds N real pairs and N x N others, for the price of one.
    """
    return 0.5 * (F.softplus(-crossed.diagonal()).mean() + F.softplus(crossed).mean())


def choice_loss(
    scores: Tensor,
    shown: Tensor,
    outcomes: Tensor,
    tie: Tensor,
    all_bad: Tensor,
    weights: Tensor,
    margins: Tensor | None = None,
    places: Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of judgements of n responses: votes, with ties and all-bad as outcomes of their own, and
    rankings.

    One softmax over [scores of the responses, tie, all bad]: Bradley-Terry (Plackett-Luce for n > 2) with
    Davidson's tie, whose strength is the geometric mean of all times exp(tie), and an outside option of strength
    exp(all_bad) that anchors the scale. One vote among three is one observation, not two, and so is one ranking
    (`ranking_losses`).

    scores, shown: [N, n], shown is 1.0 where there is a response; outcomes: [N], index of the best, or -1 for a tie,
    -2 for all bad; tie: scalar or [N], minus infinity where a tie could not be said; all_bad: scalar; weights: [N];
    margins: [N], how far the chosen response must lead (Llama 2, arXiv 2307.09288, eq. 2), 0 for other outcomes;
    places: [N, n], of rankings, 0 for votes. Returns the weighted mean.
    """
    mean = (scores * shown).sum(1) / shown.sum(1)  # [N]
    options = torch.cat(
        [
            scores.masked_fill(shown == 0, -torch.inf),
            (mean + tie)[:, None],
            all_bad.expand(len(scores), 1),
        ],
        dim=1,
    )  # [N, n + 2]
    chosen = torch.where(outcomes < 0, scores.shape[1] - 1 - outcomes, outcomes)
    if margins is not None:
        options = options - margins[:, None] * F.one_hot(chosen, options.shape[1])
    losses = F.cross_entropy(options, chosen, reduction="none")
    if places is not None and bool(places.any()):
        ranked = ranking_losses(scores, places, tie)
        losses = torch.where(places.any(1), ranked, losses)
    return (losses * weights).sum() / weights.sum()


def rating_loss(found: Tensor, told: Tensor, weights: Tensor) -> Tensor:
    """Half the squared error of foreseen ratings: the likelihood of a normal spread of 1, in nats.

    found, told: [N, A] for A aspects, told is NaN where no rating was given; weights: [N]. Returns the weighted mean
    over the ratings of an aspect, summed over the aspects; an aspect without ratings adds nothing.
    """
    given = ~told.isnan()
    errors = 0.5 * (found - torch.where(given, told, found.detach())) ** 2  # [N, A]
    counted = given * weights[:, None]
    means: Tensor = (errors * counted).sum(0) / counted.sum(0).clamp(min=1e-9)
    return means.sum()
