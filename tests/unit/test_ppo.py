"""The PPO loop by hand-worked numbers: every setting does what its sentence says, every row counts as it should."""

from pathlib import Path
from typing import Any

import pytest
import torch

from rlhb_core.learning import ppo
from rlhb_core.learning.critic import critic_inputs
from rlhb_core.learning.ppo import Experience, PpoStage
from rlhb_core.learning.reward_source import Scores
from rlhb_core.learning.rollout import Rollouts, measure
from rlhb_core.learning.session import POLICY, START, Metrics
from rlhb_core.run.data import Pair
from tests.tiny_models import make
from tests.tiny_stage import Indifferent, stage_on


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make(tmp_path_factory.mktemp("base"), "llama")


def experience_of(stage: PpoStage, rollouts: Rollouts | None = None) -> tuple[Experience, Metrics]:
    """(experience, what was found) of one set of rollouts, as an iteration makes it."""
    with stage._trunk.using(POLICY):
        rollouts = rollouts or stage._roll_out(stage._draw())
        return stage._experience(rollouts, stage._source.score(rollouts))


# --- the weight of the KL penalty -------------------------------------------------------------------


def test_the_kl_weight_is_adapted_toward_its_target_by_at_most_two_per_cent(base: str) -> None:
    def after(kl: float, **settings: Any) -> float:
        _, stage = stage_on(base, kl=0.05, **settings)
        stage._guard(kl)
        return stage._kl_weight

    assert after(2.2, kl_target=2.0) == pytest.approx(0.05 * 1.01)  # a tenth too much
    assert after(1.8, kl_target=2.0) == pytest.approx(0.05 * 0.99)
    assert after(20.0, kl_target=2.0) == pytest.approx(0.05 * 1.02)
    assert after(0.0, kl_target=2.0) == pytest.approx(0.05 * 0.98)
    assert after(20.0, kl_target=0.0) == 0.05  # no target: as the recipe says


def test_the_adapted_kl_weight_is_what_the_next_iteration_penalises_with(base: str) -> None:
    session, stage = stage_on(base, kl=0.05, kl_target=2.0)
    stage._guard(0.0)
    for weight in session.trunk.parameters_of(POLICY):
        torch.nn.init.normal_(weight, std=0.3)
    _, found = experience_of(stage)
    assert found["objective/kl_coef"] == pytest.approx(0.049)
    assert abs(found["objective/kl"]) > 0.01
    paid = found["objective/reward"] - found["objective/rlhf_reward"]
    assert paid == pytest.approx(0.049 * found["objective/kl"], rel=1e-4)


# --- the learning rate -------------------------------------------------------------------------------


@pytest.fixture
def level(monkeypatch: pytest.MonkeyPatch) -> None:
    """The learning rate stays at its peak."""
    monkeypatch.setattr(ppo, "FINAL_LEARNING_RATE", 1.0)


@pytest.fixture
def undiscounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every token of an answer returns all that its last one is paid."""
    monkeypatch.setattr(ppo, "GAE_LAMBDA", 1.0)


def test_the_learning_rate_falls_evenly_to_a_fifth(base: str) -> None:
    _, stage = stage_on(base, iterations=11, critic_warmup=2, learning_rate=1e-3)
    rates = [stage._learning_rate(number) for number in (3, 5, 7, 9, 11)]
    assert rates == pytest.approx([1.0e-3, 0.8e-3, 0.6e-3, 0.4e-3, 0.2e-3])


@pytest.mark.usefixtures("level")
def test_the_learning_rate_rises_first(base: str) -> None:
    _, stage = stage_on(base, iterations=11, critic_warmup=2, learning_rate=1e-3, rise=4)
    rates = [stage._learning_rate(number) for number in (3, 4, 5, 6, 7)]
    assert rates == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3])
    assert stage._learning_rate(11) == pytest.approx(1e-3)


def test_the_policy_is_updated_with_that_rate_once_the_critic_is_warm(base: str) -> None:
    session, stage = stage_on(base, Lengths(), critic_warmup=1, iterations=3, learning_rate=1e-3)
    start = [weight.clone() for weight in session.trunk.parameters_of(POLICY)]
    first, second = stage.step(1), stage.step(2)
    assert "policy/learning_rate" not in first
    assert "loss/value_avg" in first
    assert second["policy/learning_rate"] == pytest.approx(1e-3)
    assert [group["lr"] for group in stage._policy_optimiser.param_groups] == pytest.approx([1e-3])
    moved = zip(start, session.trunk.parameters_of(POLICY), strict=True)
    assert max(float((new - old).detach().abs().max()) for old, new in moved) == pytest.approx(
        1e-3, rel=0.01
    )  # the first step of Adam


# --- what is drawn ------------------------------------------------------------------------------------


def test_pairs_are_drawn_by_their_weights_and_stand_in_groups(base: str) -> None:
    weights = [0.0, 1.0, 0.0, 0.0, 3.0, 0.0, 0.0]
    _, stage = stage_on(base, weights=weights, rollouts=4000, per_query=4)
    drawn = stage._draw()
    assert len(drawn) == 4000
    groups = [drawn[start : start + 4] for start in range(0, 4000, 4)]
    assert all(len(set(group)) == 1 for group in groups)
    share = sum(group[0] == Pair("w5 w6", None) for group in groups) / 1000
    assert {pair.query for pair in drawn} == {"w2 w3", "w5 w6"}
    assert share == pytest.approx(0.75, abs=0.06)


# --- rewards and advantages ----------------------------------------------------------------------------


class Numbered(Indifferent):
    """Rewards 0, 1, 2 ... by row; 10 times that is what is reported."""

    def score(self, rollouts: Rollouts) -> Scores:
        reward = torch.arange(len(rollouts.texts), dtype=torch.float32)
        return Scores(10 * reward, reward)


class Lengths(Indifferent):
    """Longer answers are better."""

    def score(self, rollouts: Rollouts) -> Scores:
        reward = torch.tensor([float(len(tokens)) for tokens in rollouts.responses])
        return Scores(reward, reward)


def written(stage: PpoStage, lengths: list[int], ended: list[bool]) -> Rollouts:
    """Answers of these lengths, as the policy says of them."""
    pairs = [Pair("w1 w2", None)] * len(lengths)
    responses = [
        [5 + row] * (length - end) + [0] * end
        for row, (length, end) in enumerate(zip(lengths, ended, strict=True))
    ]
    prompt = stage._trunk.tokenizer("w1 w2\n")["input_ids"]
    texts = [f"answer {row}" for row in range(len(lengths))]
    return Rollouts(pairs, [prompt] * len(lengths), responses, texts, torch.tensor(ended), None)


@pytest.mark.usefixtures("undiscounted")
def test_the_last_token_is_paid_less_what_a_cut_answer_costs_against_its_group(base: str) -> None:
    """Rewards 0 to 3, spread 1.291; the last one was cut off: 3 - 2 * 1.291 = 0.418. Groups of two:
    each against the other.
    """
    _, stage = stage_on(
        base,
        Numbered(),
        rollouts=4,
        per_query=2,
        truncated_penalty=2.0,
        kl=0.5,
    )
    rollouts = written(stage, [2, 3, 1, 4], [True, True, True, False])
    experience, found = experience_of(stage, rollouts)
    paid = [-1.0, 1.0, 1.582, -1.582]
    assert found["objective/scores"] == pytest.approx(15.0)
    assert found["objective/reward"] == pytest.approx(0.0, abs=1e-6)
    assert found["response/clip_ratio"] == 0.25
    assert found["val/num_eos_tokens"] == 3
    assert found["response/length"] == 2.5
    # the value head starts at 0 and nothing has moved: every token of an answer returns what its last one is paid
    for row, (length, reward) in enumerate(zip([2, 3, 1, 4], paid, strict=True)):
        returns = experience.returns[row]
        assert returns[:length].tolist() == pytest.approx([reward] * length, abs=1e-3)
        assert returns[length:].tolist() == [0.0] * (4 - length)
    real = experience.old.mask.bool()
    assert float(experience.advantages[real].mean()) == pytest.approx(0, abs=1e-6)
    assert float(experience.advantages[real].std(unbiased=False)) == pytest.approx(1, abs=1e-4)


def test_kl_is_measured_against_the_start_and_not_against_the_policy(base: str) -> None:
    session, stage = stage_on(base)
    for weight in session.trunk.parameters_of(POLICY):
        torch.nn.init.normal_(weight, std=0.3)
    with session.trunk.using(POLICY):
        rollouts = stage._roll_out(stage._draw())
    experience, found = experience_of(stage, rollouts)
    assert rollouts.measured is not None
    with session.trunk.using(START):
        start = measure(session.trunk, rollouts, 1.0, 8)
    difference = ((rollouts.measured.logprobs - start.logprobs) * start.mask).sum(1)
    assert found["objective/kl"] == pytest.approx(float(difference.mean()), rel=1e-4)
    assert experience.drift > 0.01


# --- critic, guard, gradients --------------------------------------------------------------------------


@pytest.mark.usefixtures("undiscounted")
def test_the_value_head_learns_what_answers_return(base: str) -> None:
    """Everything returns 3 at every token: the head, which starts at 0, comes to say so."""

    class Three(Indifferent):
        def score(self, rollouts: Rollouts) -> Scores:
            reward = torch.full((len(rollouts.texts),), 3.0)
            return Scores(reward, reward)

    _, stage = stage_on(
        base,
        Three(),
        kl=0.0,
        truncated_penalty=0.0,
        critic_epochs=300,
        critic_learning_rate=0.02,
    )
    experience, _ = experience_of(stage)
    assert float(experience.values.abs().max()) == 0
    first = stage._update_critic(experience._replace(returns=0 * experience.returns))
    assert first == pytest.approx(0, abs=1e-6)
    stage._update_critic(experience)
    with torch.no_grad():
        values = stage._critic(critic_inputs(experience.old))[experience.old.mask.bool()]
    assert float(values.mean()) == pytest.approx(3.0, abs=0.3)


@pytest.mark.parametrize("kl", [31.0, -31.0, float("nan"), float("inf")])
def test_a_policy_beyond_the_bound_has_run_away_on_either_side(base: str, kl: float) -> None:
    session, stage = stage_on(base, kl_stop=30.0)
    stage._guard(29.9)
    assert not session.diverged
    stage._guard(kl)
    assert session.diverged
    assert "more than the bound of 30" in (session.evidence.diverged or "")


def test_no_gradient_is_larger_than_its_bound(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppo, "GRADIENT_CLIP", 1e-3)
    _, stage = stage_on(base, Lengths())
    taken: list[float] = []

    def look(*_: object) -> None:
        grads = [
            weight.grad.flatten() for weight in stage._policy_parameters if weight.grad is not None
        ]
        taken.append(float(torch.cat(grads).norm()))

    stage._policy_optimiser.register_step_pre_hook(look)
    found = stage.step(1)
    assert found["policy/grad_norm"] > 2e-3  # as it was before
    assert taken
    assert max(taken) <= 1e-3 * 1.001


def test_an_entropy_bonus_pulls_against_being_sure(base: str) -> None:
    """Of the same rollouts without any advantage, the bonus alone moves the policy: toward more entropy."""

    def entropy(bonus: float) -> float:
        session, stage = stage_on(base, entropy=bonus, learning_rate=0.05)
        for weight in session.trunk.parameters_of(POLICY):
            torch.nn.init.constant_(weight, 0.1)  # rather sure of itself
        experience, _ = experience_of(stage)
        with session.trunk.using(POLICY):
            level = experience._replace(advantages=0 * experience.advantages)
            stage._update_policy(level, list(range(8)))
            stage._policy_optimiser.step()
            after = measure(session.trunk, experience.rollouts, 1.0, 8)
        return float((after.entropy - experience.old.entropy).sum() / after.mask.sum())

    assert entropy(0.0) == pytest.approx(0, abs=1e-6)
    assert entropy(1.0) > 1e-3


@pytest.mark.usefixtures("level")
def test_better_answers_become_likelier(base: str) -> None:
    """The sign of it all: a policy that is paid by length writes longer."""
    _, stage = stage_on(
        base, Lengths(), rollouts=64, minibatch=64, micro_batch=64, kl=0.0, epochs=4,
        learning_rate=0.02, truncated_penalty=0.0, iterations=6, longest=24,
    )  # fmt: skip
    stage._check_first = lambda *_: None  # type: ignore[method-assign]
    rows = [stage.step(number) for number in range(1, 7)]
    assert rows[-1]["objective/scores"] > rows[0]["objective/scores"] + 0.5


def test_the_average_of_the_weights_is_what_the_run_ends_with(base: str, tmp_path: Path) -> None:
    session, stage = stage_on(base, Lengths(), iterations=2, average=1.0, learning_rate=1e-2)
    weights = [torch.cat([w.detach().flatten() for w in stage._policy_parameters])]
    for number in (1, 2):
        stage.step(number)
        weights.append(torch.cat([w.detach().flatten() for w in stage._policy_parameters]))
    start, first, ended = weights
    assert not torch.equal(start, first)
    far = (first - start).abs().max()
    assert 0 < float((ended - start).abs().max()) < 2 * float(far)
    state = stage.state()
    _, again = stage_on(base, Lengths(), iterations=2, average=1.0)
    again.restore(state)
    assert again.state()["kl_weight"] == state["kl_weight"]
    assert session.evidence.history
