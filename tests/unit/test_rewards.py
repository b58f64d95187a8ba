"""The arithmetic between a score and an update, on numbers worked by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlhb_core.learning.losses import (
    adversarial_loss,
    choice_loss,
    mismatch_loss,
    pairing_loss,
    policy_loss,
    relativistic_loss,
    summed_entropy,
)
from rlhb_core.learning.rewards import (
    centre_groups,
    explained_variance,
    gae,
    masked_mean,
    penalise_truncated,
    token_rewards,
    whiten,
)
from rlhb_core.lm.scorers import auc
from rlhb_core.teachers.discriminator.reward import REWARDS


def test_the_score_sits_on_the_last_real_token_and_kl_on_every_one() -> None:
    mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    new = torch.tensor([[-1.0, -2.0, 0.0], [-1.0, -1.0, -1.0]])
    old = torch.tensor([[-1.5, -1.0, 0.0], [-1.0, -1.0, -3.0]])
    found = token_rewards(torch.tensor([5.0, 7.0]), new, old, mask, kl=0.1)
    expected = torch.tensor([[-0.05, 5.1, 0.0], [0.0, 0.0, 6.8]])
    torch.testing.assert_close(found, expected)


def test_gae_by_hand() -> None:
    # gamma 0.5, lambda 0.5: delta_1 = 0 + 0.5 * 2 - 1 = 0; delta_2 = 4 - 2 = 2; A_2 = 2, A_1 = 0 + 0.25 * 2
    rewards = torch.tensor([[0.0, 4.0, 0.0]])
    values = torch.tensor([[1.0, 2.0, 99.0]])
    mask = torch.tensor([[1.0, 1.0, 0.0]])
    found = gae(rewards, values, mask, gamma=0.5, lam=0.5)
    torch.testing.assert_close(found.advantages, torch.tensor([[0.5, 2.0, 0.0]]))
    torch.testing.assert_close(found.returns, torch.tensor([[1.5, 4.0, 0.0]]))


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 7), st.integers(0, 1000))
def test_gae_with_lambda_one_is_return_minus_value(rows: int, steps: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rewards = torch.randn(rows, steps, generator=generator)
    values = torch.randn(rows, steps, generator=generator)
    found = gae(rewards, values, torch.ones(rows, steps), gamma=1.0, lam=1.0)
    to_go = rewards.flip(1).cumsum(1).flip(1)
    torch.testing.assert_close(found.returns, to_go, atol=1e-4, rtol=1e-4)


def test_whitening_looks_at_real_tokens_only() -> None:
    values = torch.tensor([[1.0, 3.0, 1000.0]])
    mask = torch.tensor([[1.0, 1.0, 0.0]])
    torch.testing.assert_close(whiten(values, mask), torch.tensor([[-1.0, 1.0, 0.0]]))
    assert float(masked_mean(values, mask)) == 2.0


def test_truncated_answers_lose_spreads_of_the_batch() -> None:
    rewards = torch.tensor([1.0, 3.0])
    found = penalise_truncated(rewards, torch.tensor([True, False]), penalty=2.0)
    torch.testing.assert_close(found, torch.tensor([1.0, 3.0 - 2 * math.sqrt(2)]))


def test_explained_variance() -> None:
    mask = torch.ones(1, 4)
    returns = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert explained_variance(returns, returns, mask) == 1.0
    assert explained_variance(torch.zeros(1, 4), returns, mask) == pytest.approx(0.0)


def test_ppo_clips_only_where_it_would_gain() -> None:
    ratio = torch.tensor([[1.5, 1.5, 0.5, 0.5]])
    advantages = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    found = policy_loss(ratio.log(), torch.zeros(1, 4), advantages, torch.ones(1, 4), clip=0.2)
    # the first and the last of the four are clipped
    assert float(found.loss) == pytest.approx(-1.2 + 1.5 - 0.5 + 0.8)
    assert float(found.clipped) == 2
    assert float(found.ratio) == pytest.approx(4.0)


def test_entropy_is_summed_over_real_tokens() -> None:
    # one token at 1/4 and 3/4, one at 1/2 and 1/2, and one that is padding
    logits = torch.tensor([[[0.0, math.log(3)], [2.0, 2.0], [5.0, 1.0]]], requires_grad=True)
    found = summed_entropy(logits, torch.tensor([[1.0, 1.0, 0.0]]))
    one = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    assert found.item() == pytest.approx(one + math.log(2))
    found.backward()
    slope = -0.25 * (math.log(0.25) + one)  # of the first token's entropy, by its first logit
    expected = torch.tensor([[[slope, -slope], [0.0, 0.0], [0.0, 0.0]]])
    torch.testing.assert_close(logits.grad, expected, atol=1e-6, rtol=1e-5)


def test_full_confusion_is_the_best_that_equal_distributions_allow() -> None:
    same = torch.zeros(8, requires_grad=True)
    loss = adversarial_loss(same, same, smoothing=0.1)
    assert loss.item() == pytest.approx(math.log(2))
    loss.backward()
    torch.testing.assert_close(same.grad, torch.zeros(8))


def test_mismatched_triplets_move_no_level() -> None:
    true, other = torch.tensor([0.3, -1.0]), torch.tensor([0.1, 2.0])
    torch.testing.assert_close(
        mismatch_loss(true, other), mismatch_loss(true + 5, other + 5), atol=1e-5, rtol=1e-5
    )


def _vote(scores: list[float], outcome: int) -> float:
    return float(
        choice_loss(
            torch.tensor([scores]),
            torch.ones(1, len(scores)),
            torch.tensor([outcome]),
            tie=torch.tensor(0.5),
            all_bad=torch.tensor(-1.0),
            weights=torch.ones(1),
        )
    )


def test_votes_are_one_choice_among_responses_tie_and_all_bad() -> None:
    total = math.exp(2) + math.exp(0) + math.exp(1 + 0.5) + math.exp(-1)
    assert _vote([2.0, 0.0], 0) == pytest.approx(-math.log(math.exp(2) / total), rel=1e-5)
    assert _vote([2.0, 0.0], -1) == pytest.approx(-math.log(math.exp(1.5) / total), rel=1e-5)
    assert _vote([2.0, 0.0], -2) == pytest.approx(-math.log(math.exp(-1) / total), rel=1e-5)
    every = [_vote([2.0, 0.0, 1.0], outcome) for outcome in (0, 1, 2, -1, -2)]
    assert sum(math.exp(-loss) for loss in every) == pytest.approx(1.0)


def test_a_vote_among_two_is_not_changed_by_padding() -> None:
    padded = choice_loss(
        torch.tensor([[2.0, 0.0, 77.0]]),
        torch.tensor([[1.0, 1.0, 0.0]]),
        torch.tensor([-1]),
        tie=torch.tensor(0.5),
        all_bad=torch.tensor(-1.0),
        weights=torch.ones(1),
    )
    assert float(padded) == pytest.approx(_vote([2.0, 0.0], -1))


def test_auc_counts_ties_half() -> None:
    assert auc(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])) == pytest.approx(3.5 / 4)
    assert auc(torch.tensor([]), torch.tensor([1.0])) == 0.5


def test_a_relativistic_discriminator_sees_differences_only() -> None:
    real, fake = torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 0.0])
    by_hand = (-math.log(1 / (1 + math.exp(-2.0))) + math.log(2)) / 2
    assert relativistic_loss(real, fake, 0.0).item() == pytest.approx(by_hand, rel=1e-6)
    assert relativistic_loss(real + 7, fake + 7, 0.1).item() == pytest.approx(
        relativistic_loss(real, fake, 0.1).item(), rel=1e-5
    )


def test_a_group_is_centred_on_the_others() -> None:
    rewards = torch.tensor([1.0, 2.0, 6.0, 0.0, 0.0, 3.0])
    assert centre_groups(rewards, 3).tolist() == [-3.0, -1.5, 4.5, -1.5, -1.5, 3.0]
    assert centre_groups(rewards, 1).tolist() == rewards.tolist()


def test_the_rewards_of_a_discriminator_by_hand() -> None:
    logits = torch.tensor(
        [[1.0, 0.0, 9.0], [3.0, 2.0, 9.0], [2.0, 4.0, 9.0]]
    )  # [response, behaviour]
    assert REWARDS["logit"](logits).tolist() == [1.0 - 2.5, 2.0 - 2.0, 0.0]
    half = torch.zeros(2, 2)  # D = 0.5
    assert REWARDS["log_d"](half).tolist() == pytest.approx([math.log(0.5)] * 2)
    assert REWARDS["minus_log_one_minus_d"](half).tolist() == pytest.approx([math.log(2)] * 2)


def test_pairing_by_hand() -> None:
    # two pairs told apart by logits of +-1: the own ones cost log(1 + 1/e), of all four one half cost log(1 + e)
    low, high = math.log(1 + math.exp(-1)), math.log(1 + math.e)
    crossed = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    expected = 0.5 * (low + (low + high) / 2)
    assert pairing_loss(crossed).item() == pytest.approx(expected)
    # at the optimum the logit is the log-ratio to chance: log 2 where a response had only this behaviour of two
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    best = torch.tensor([[math.log(2), -20.0], [-20.0, math.log(2)]], requires_grad=True)
    (at_best,) = torch.autograd.grad(pairing_loss(best), best)
    (at_chance,) = torch.autograd.grad(pairing_loss(logits), logits)
    assert at_best.abs().max() < 1e-6
    assert at_chance.tolist() == [[-0.0625, 0.0625], [0.0625, -0.0625]]
