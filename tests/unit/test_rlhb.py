"""The reward of RLHB and its replay, by hand-worked numbers."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rlhb_core.learning.rollout import Rollouts
from rlhb_core.run.data import Pair
from rlhb_core.teachers.discriminator import reward as rewarding
from rlhb_core.teachers.discriminator.reward import DiscriminatorReward
from rlhb_core.teachers.discriminator.settings import DiscriminatorSettings
from rlhb_core.teachers.discriminator.side import swapped
from rlhb_core.teachers.discriminator.triplets import Triplets

LOGITS = torch.tensor([[9.0, 1.0, -1.0], [0.0, -7.0, 2.0], [-3.0, 1.0, 0.5]])


class Fixed(nn.Module):
    """A discriminator that says the same of whatever it is shown: [response, behaviour]."""

    def crossed(self, features: Tensor, behaviors: Tensor) -> Tensor:
        return LOGITS


def triplets(first: int, count: int) -> Triplets:
    """Rows that can be told apart by their length."""
    lengths = torch.arange(first, first + count, dtype=torch.float32)
    names = [f"b{int(number)}" for number in lengths]
    return Triplets(lengths[:, None], lengths[:, None].long(), names, names, lengths)


class Listening(SimpleNamespace):
    """In place of `Side`: keeps the generated triplets that it is taught."""

    def look(self, fake: Triplets) -> dict[str, float]:
        return {}

    def learn(self, fake: Triplets) -> tuple[float, float]:
        self.taught.append(fake)
        return 0.5, 1.5


def source(**settings: Any) -> DiscriminatorReward:
    changed = DiscriminatorSettings(**settings)
    session: Any = SimpleNamespace(
        config=SimpleNamespace(
            section={DiscriminatorSettings: changed}.__getitem__,
            evaluation=SimpleNamespace(watch=0),
        )
    )
    optimiser = SimpleNamespace(param_groups=[{"lr": 1.0}])
    side: Any = Listening(taught=[], optimiser=optimiser, asked=[], model=Fixed())
    return DiscriminatorReward(session, side)


def rollouts(count: int = 3) -> Rollouts:
    pairs = [Pair("q", f"b{number}") for number in range(count)]
    texts = ["text"] * count
    return Rollouts(pairs, [[1]] * count, [[1]] * count, texts, torch.ones(count).bool(), None)


def learn(reward: DiscriminatorReward, fresh: Triplets) -> list[Tensor]:
    """One iteration with these rollouts; the lengths of what the discriminator was taught."""
    taught: list[Triplets] = reward._side.taught  # type: ignore[attr-defined]
    before = len(taught)
    reward._fresh = fresh
    reward.learn(rollouts(0), rollouts(0))
    return [part.lengths for part in taught[before:]]


# --- the bound on the reward --------------------------------------------------------------------------


def test_the_reward_is_bounded_and_what_is_reported_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded at 2: rows [2, 1, -1], [0, -2, 2], [-2, 1, 0.5]; own minus the mean of the others in its column."""
    monkeypatch.setattr(rewarding, "REWARD_CLIP", 2.0)
    reward = source()
    monkeypatch.setattr(reward, "_triplets", lambda _: triplets(0, 3))
    found = reward.score(rollouts())
    assert found.raw.tolist() == [9.0, -7.0, 0.5]
    assert found.reward.tolist() == pytest.approx([2 - (0 - 2) / 2, -2 - (1 + 1) / 2, 0.5 - 0.5])
    monkeypatch.setattr(rewarding, "REWARD_CLIP", 8.0)
    wider = source()
    monkeypatch.setattr(wider, "_triplets", lambda _: triplets(0, 3))
    assert wider.score(rollouts()).reward.tolist() == pytest.approx([8 + 1.5, -7 - 1, 0.5 - 0.5])


# --- replay -------------------------------------------------------------------------------------------


def test_a_share_of_what_the_discriminator_learns_from_is_older() -> None:
    reward = source(replay=0.25, batch=8, steps=3)
    assert all((part < 10).all() for part in learn(reward, triplets(0, 5)))  # there is nothing old
    for part in learn(reward, triplets(100, 5)):
        assert len(part) == 8
        assert int((part < 10).sum()) == 2
        assert int((part >= 100).sum()) == 6
    without = source(replay=0.0, batch=8, steps=2)
    learn(without, triplets(0, 5))
    assert all((part >= 100).all() for part in learn(without, triplets(100, 5)))


def test_only_the_newest_are_kept_for_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewarding, "REPLAY_SIZE", 4)
    reward = source(replay=0.5, batch=64, steps=1)
    for first in (0, 10, 20):
        learn(reward, triplets(first, 3))
    assert reward._replay is not None
    assert reward._replay.lengths.tolist() == [12.0, 20.0, 21.0, 22.0]
    (taught,) = learn(reward, triplets(30, 3))
    assert set(taught[:32].tolist()) == {30.0, 31.0, 32.0}
    assert set(taught[32:].tolist()) == {12.0, 20.0, 21.0, 22.0}
    nothing = source(replay=0.0, batch=8, steps=1)
    learn(nothing, triplets(0, 3))
    (taught,) = learn(nothing, triplets(10, 3))
    assert (taught >= 10).all()


# --- mismatched triplets ---------------------------------------------------------------------------------


def test_only_rows_that_got_another_text_count_as_swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "randperm", lambda count: torch.tensor([2, 1, 3, 0]))
    order, changed = swapped(["liked", "liked", "copied", "liked"])
    assert order.tolist() == [2, 1, 3, 0]
    assert changed.tolist() == [True, False, True, False]
    assert swapped(["liked"] * 4)[1].tolist() == [False] * 4
