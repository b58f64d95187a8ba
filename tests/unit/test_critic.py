"""What the critic is told of a response that is being written."""

import torch

from rlhb_core.learning.critic import SO_FAR, ValueHead, critic_inputs
from rlhb_core.lm.generator import Measured


def one(logprobs: list[float], entropy: list[float], real: int) -> Measured:
    mask = torch.tensor([[1.0] * real + [0.0] * (len(logprobs) - real)])
    hidden = torch.arange(2.0 * len(logprobs)).view(1, -1, 2)
    return Measured(torch.tensor([logprobs]), mask, torch.tensor([entropy]), hidden)


def test_what_is_told_by_hand_and_only_of_tokens_that_are_written() -> None:
    known = critic_inputs(one([-0.5, -2.0, -1.0, 0.0], [0.25, 0.5, 0.5, 0.0], real=3))
    assert known.shape == (1, 4, 2 + SO_FAR)
    assert known[0, :, :2].tolist() == [
        [0, 1],
        [2, 3],
        [4, 5],
        [6, 7],
    ]  # the hidden states as they were
    assert known[0, 0, 2:].tolist() == [0.0] * SO_FAR  # nothing is written yet
    last, surprise, least, most_surprising, total, count = known[0, 3, 2:].tolist()
    assert (last, surprise) == (-1.0, -0.5)
    assert (least, most_surprising) == (-2.0, -1.5)
    assert abs(total + 3.5 / 5) < 1e-6
    assert abs(count - 0.3) < 1e-6


def test_a_token_changes_nothing_before_itself() -> None:
    first = critic_inputs(one([-0.5, -2.0, -1.0], [0.1, 0.2, 0.3], real=3))
    other = critic_inputs(one([-0.5, -2.0, -9.0], [0.1, 0.2, 0.9], real=3))
    assert torch.equal(first, other)


def test_values_start_at_nothing_and_can_learn_where_an_answer_went_wrong() -> None:
    torch.manual_seed(0)
    logprobs = -torch.rand(256, 3) * 4
    old = Measured(logprobs, torch.ones(256, 3), torch.ones(256, 3), torch.randn(256, 3, 8))
    returns = torch.where(logprobs[:, :1] < -2, -1.0, 1.0).expand(
        256, 3
    )  # decided by the first token
    known, head = critic_inputs(old), ValueHead(8 + SO_FAR, 32)
    assert torch.equal(head(known), torch.zeros(256, 3))
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
    for _ in range(150):
        loss = ((head(known) - returns) ** 2).mean(0)
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
    assert loss[1] < 0.2  # known as soon as the token is written
    assert loss[0] > 0.5  # and not before
