"""How likely a ranking is: Plackett-Luce, with ties by Davidson and Luce. Pure tensor functions; knows no model.

A ranking is a row of choices, each among what the ones before left, and their likelihoods multiply: one ranking is one
observation, however many it ranks (Plackett, doi 10.2307/2346567). Where several share a place they were chosen
together: a set S has the strength exp(tie) times the geometric mean of its members' strengths, and competes with every
other set that could have been chosen (Firth, Kosmidis and Turner, arXiv 1909.07123; the tie's weight is one for sets
of any size here). Among two that is Davidson's tie, the one that votes have. The other reading of a tie, that its order
is merely unknown, sums over all orders; it would say nothing of two that were called equal, so it is not taken.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def ranking_losses(scores: Tensor, places: Tensor, tie: Tensor) -> Tensor:
    """Negative log-likelihood of each ranking: [N], in nats; 0 for a row that ranks nothing.

    scores: [N, n], logarithms of strengths; places: [N, n], whole numbers from 1, the best, 0 where nothing was
    ranked; tie: scalar or [N], minus infinity where a tie could not be said.
    """
    found = scores.new_zeros(len(scores))
    for place in range(1, int(places.max()) + 1):
        here, left = places == place, places >= place
        size = here.sum(1)
        chosen = (scores * here).sum(1) / size.clamp(min=1)
        chosen = chosen + torch.where(size > 1, tie, torch.zeros_like(tie))
        loss = _any_set(scores, left, tie) - chosen
        found = found + torch.where(size > 0, loss, torch.zeros_like(loss))
    return found


def _any_set(scores: Tensor, left: Tensor, tie: Tensor) -> Tensor:
    """Logarithm of the summed strengths of all sets of what is left: [N].

    The sets of size t sum to exp(tie) times the elementary symmetric polynomial of degree t of the strengths to the
    power 1/t: n steps for all sizes at once, not 2^n sets.
    """
    top = scores.detach().masked_fill(~left, -torch.inf).amax(1)
    top = torch.where(left.any(1), top, torch.zeros_like(top))
    most = max(1, int(left.sum(1).max()))
    sizes = torch.arange(1, most + 1, device=scores.device)
    below = (scores - top[:, None]).masked_fill(~left, -torch.inf)
    powers = (below[:, :, None] / sizes).exp()  # [N, n, T], 0 for what is gone
    sums = F.one_hot(torch.zeros_like(sizes), len(sizes) + 1).to(scores)  # [T, degree]
    sums = sums.expand(len(scores), -1, -1)
    for power in powers.unbind(1):
        sums = sums + F.pad(sums[:, :, :-1] * power[:, :, None], (1, 0))
    sets = sums.diagonal(offset=1, dim1=1, dim2=2)  # [N, T]: of size t, degree t
    tied = tie.exp().expand(len(scores))[:, None]
    total = sets[:, 0] + (sets[:, 1:] * tied).sum(1)
    return top + torch.where(left.any(1), total, torch.ones_like(total)).log()
