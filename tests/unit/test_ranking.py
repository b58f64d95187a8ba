"""Rankings as one observation each: by hand, by brute force over all orders, and the gradient by differences."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import pytest
import torch

from rlhb_core.learning.judgements import Judgements
from rlhb_core.learning.losses import choice_loss
from rlhb_core.learning.ranking import ranking_losses
from rlhb_core.run.votes import ALL_BAD, TIE, Voted

NO_TIE = torch.tensor(-torch.inf)


def loss(strengths: Sequence[float], places: Sequence[int], tie: float = -math.inf) -> float:
    scores = torch.tensor([strengths], dtype=torch.double).log()
    found = ranking_losses(scores, torch.tensor([places]), torch.tensor(tie, dtype=torch.double))
    return float(found)


def weak_orders(count: int) -> Iterator[tuple[int, ...]]:
    """Every ranking of so many responses, ties and all, as places without gaps."""
    for places in torch.cartesian_prod(*[torch.arange(1, count + 1)] * count).tolist():
        if set(places) == set(range(1, max(places) + 1)):
            yield tuple(places)


def by_force(strengths: Sequence[float], places: Sequence[int], tie: float) -> float:
    """The probability of a ranking, every set that could have been chosen written out."""
    found = 1.0
    for place in range(1, max(places) + 1):
        left = [i for i, each in enumerate(places) if each >= place]
        sets = {
            chosen: math.prod(strengths[i] for i in chosen) ** (1 / size)
            * (math.exp(tie) if size > 1 else 1)
            for size in range(1, len(left) + 1)
            for chosen in combinations(left, size)
        }
        here = tuple(i for i in left if places[i] == place)
        found *= sets[here] / sum(sets.values())
    return found


def test_a_ranking_without_ties_is_a_row_of_choices_by_hand() -> None:
    # 4 of 4 + 2 + 1, then 2 of 2 + 1; the last one is no choice
    assert math.exp(-loss([4, 2, 1], [1, 2, 3])) == pytest.approx(4 / 7 * 2 / 3)
    assert math.exp(-loss([4, 2, 1], [3, 1, 2])) == pytest.approx(2 / 7 * 1 / 5)
    assert loss([4, 2, 1], [0, 0, 0]) == 0
    assert loss([4, 2, 99], [1, 2, 0]) == pytest.approx(-math.log(4 / 6)), "it was not ranked"


def test_a_shared_place_is_a_set_by_hand() -> None:
    # of 4, 1 and 9 with ties that weigh 2: pairs 2 * (2, 6, 3), all three 2 * 36^(1/3)
    every = 4 + 1 + 9 + 2 * (2 + 6 + 3) + 2 * 36 ** (1 / 3)
    tie = math.log(2)
    assert math.exp(-loss([4, 1, 9], [1, 1, 2], tie)) == pytest.approx(2 * 2 / every)
    assert math.exp(-loss([4, 1, 9], [1, 1, 1], tie)) == pytest.approx(2 * 36 ** (1 / 3) / every)
    after = 4 + 1 + 2 * 2
    assert math.exp(-loss([4, 1, 9], [2, 2, 1], tie)) == pytest.approx(9 / every * 4 / after)


@pytest.mark.parametrize("strengths", [[3.0, 0.5, 1.0], [0.2, 5.0, 1.0, 2.0]])
def test_all_rankings_together_are_certain_and_each_is_as_likely_as_by_force(strengths) -> None:
    orders = list(weak_orders(len(strengths)))
    assert len(orders) == {3: 13, 4: 75}[len(strengths)]
    found = [math.exp(-loss(strengths, order, 0.4)) for order in orders]
    assert found == pytest.approx([by_force(strengths, order, 0.4) for order in orders])
    assert sum(found) == pytest.approx(1)


def test_the_orders_that_begin_with_a_response_are_the_choice_of_it_among_all() -> None:
    strengths = [3.0, 0.5, 1.0]
    for best in range(3):
        orders = [order for order in permutations((1, 2, 3)) if order[best] == 1]
        first = sum(math.exp(-loss(strengths, order)) for order in orders)
        vote = choice_loss(
            torch.tensor([strengths]).log(), torch.ones(1, 3), torch.tensor([best]), NO_TIE, NO_TIE,
            torch.ones(1),
        )  # fmt: skip
        assert math.exp(-float(vote)) == pytest.approx(first, rel=1e-5)


@pytest.mark.parametrize(("places", "outcome"), [([1, 2], 0), ([2, 1], 1), ([1, 1], TIE)])
def test_among_two_a_ranking_is_a_vote(places, outcome) -> None:
    scores, tie = torch.tensor([[0.7, -0.2]]), torch.tensor(0.3)
    voted = choice_loss(
        scores, torch.ones(1, 2), torch.tensor([outcome]), tie, NO_TIE, torch.ones(1)
    )
    ranked = ranking_losses(scores, torch.tensor([places]), tie)
    torch.testing.assert_close(ranked[0], voted)


def test_the_gradient_is_the_one_by_differences() -> None:
    torch.manual_seed(0)
    places = torch.tensor([[1, 2, 3, 4], [2, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0], [2, 3, 1, 1]])
    scores = torch.randn(5, 4, dtype=torch.double, requires_grad=True)
    tie = torch.tensor(0.2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, t: ranking_losses(s, places, t), (scores, tie))


def test_a_ranking_of_sixteen_far_apart_has_a_finite_gradient() -> None:
    scores = torch.linspace(-60, 60, 16)[None].requires_grad_()
    for tie in (torch.tensor(0.0), torch.tensor([-torch.inf])):
        found = ranking_losses(
            scores, torch.arange(16)[None].div(2, rounding_mode="floor") + 1, tie
        )
        assert float(found.detach()) > 0
    found = ranking_losses(scores, torch.arange(1, 17)[None], torch.tensor([-torch.inf]))
    (gradient,) = torch.autograd.grad(found.sum(), scores)
    assert bool(gradient.isfinite().all())
    assert bool((gradient[0, :8] < 0).any()), "the first ones should rise"


def test_a_ranking_is_one_observation_beside_votes() -> None:
    judged = Judgements.of(
        [
            Voted("q", ("a", "b", "c"), 0, places=(1, 2, 3)),
            Voted("q", ("a", "b"), 1, 0.5),
            Voted("q", ("a", "b"), ALL_BAD),
        ],
        torch.device("cpu"),
    )
    scores = torch.tensor([[2.0, 1.0, 0.0], [0.5, 0.0, 9.0], [0.0, 0.0, 9.0]])
    tie, all_bad = torch.tensor(0.1), torch.tensor(-0.5)
    ranked = float(ranking_losses(scores[:1], judged.places[:1], tie))
    votes = [
        float(judged.rows(slice(row, row + 1)).loss(scores[row : row + 1], tie, all_bad))
        for row in (1, 2)
    ]
    found = float(judged.loss(scores, tie, all_bad))
    assert found == pytest.approx((ranked + 0.5 * votes[0] + votes[1]) / 2.5)


def test_nobody_who_edits_could_have_called_it_a_tie() -> None:
    edit = Voted("q", ("better", "shown"), 0, places=(1, 2), edit=True)
    judged = Judgements.of([edit], torch.device("cpu"))
    tie = torch.tensor(3.0, requires_grad=True)
    scores = torch.tensor([[0.5, 0.0]], requires_grad=True)
    found = judged.loss(scores, tie, torch.tensor(2.0))
    assert float(found.detach()) == pytest.approx(math.log(1 + math.exp(-0.5)))
    found.backward()
    assert tie.grad == 0
    assert scores.grad is not None
    assert scores.grad[0, 0] < 0 < scores.grad[0, 1]


def test_margins_of_a_ranking_are_those_of_each_pair_that_it_tells() -> None:
    judged = Judgements.of(
        [
            Voted("q", ("a", "b", "c"), TIE, places=(1, 1, 2)),
            Voted("q", ("a", "b"), 1),
            Voted("q", ("a", "b"), TIE),
        ],
        torch.device("cpu"),
    )
    scores = torch.tensor([[3.0, 2.0, 0.0], [1.0, 5.0, 7.0], [1.0, 5.0, 7.0]])
    assert judged.margins(scores).tolist() == [3.0, 2.0, 4.0]
