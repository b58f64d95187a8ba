"""Before the first update nothing has moved, whatever the vocabulary and however long the answers."""

from pathlib import Path

import pytest
import torch

from rlhb_core.errors import RunError
from rlhb_core.learning.session import POLICY
from rlhb_core.lm.generator import log_probabilities, of_tokens
from rlhb_core.run.folder import RunDir
from rlhb_core.run.recipe import load_recipe
from rlhb_core.train.loop import train
from tests.tiny_models import make
from tests.tiny_stage import ROWS, Indifferent, stage_on


def test_writing_and_scoring_agree_in_the_largest_vocabulary() -> None:
    """512 tokens of 262,144: one step at a time as they are written, many at once as they are scored."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    written, scored, exact = [], [], []
    for _ in range(8):
        logits = 3 * torch.randn(1, 64, 262_144)
        logits[..., 7] = 14.0  # peaked: a quarter of the probability on one token
        ids = torch.where(torch.rand(1, 64) < 0.25, 7, torch.randint(262_144, (1, 64)))
        steps = [log_probabilities(logits[:, step]) for step in range(64)]
        written += [float(step[0, token]) for step, token in zip(steps, ids[0], strict=True)]
        scored += of_tokens(logits, ids)[0].tolist()
        exact += of_tokens(logits.double(), ids)[0].tolist()
    drift = torch.tensor(written, dtype=torch.float64) - torch.tensor(scored, dtype=torch.float64)
    assert float(drift.abs().max()) < 2e-6
    error = torch.tensor(scored, dtype=torch.float64) - torch.tensor(exact, dtype=torch.float64)
    assert abs(float(error.sum())) < 1e-3  # over the whole answer; log_softmax is off by 0.015


def test_the_first_update_is_taken_with_long_answers_and_a_large_vocabulary(tmp_path: Path) -> None:
    base = make(tmp_path / "large", "llama", words=49_152)
    _, stage = stage_on(base, longest=512, rollouts=4, micro_batch=2)
    found = stage.step(1)
    assert found["response/length"] > 400
    assert abs(found["objective/kl"]) < 5e-4
    assert found["val/ratio"] == pytest.approx(1, abs=1e-5)


def test_a_start_that_differs_in_one_answer_is_noticed_among_many(tmp_path: Path) -> None:
    """The bound holds for every answer, and signs do not cancel."""
    session, stage = stage_on(make(tmp_path / "small", "llama"), longest=16, rollouts=64)
    with session.trunk.using(POLICY):
        rollouts = stage._roll_out(stage._draw())
        assert rollouts.measured is not None
        clean, _ = stage._experience(rollouts, Indifferent().score(rollouts))
        longest = int(rollouts.measured.mask.sum(1).argmax())
        rollouts.measured.logprobs[longest, 0] += 0.04
        rollouts.measured.logprobs[longest, 1] -= 0.04
        moved, found = stage._experience(rollouts, Indifferent().score(rollouts))
    assert clean.drift < 1e-5
    assert abs(found["objective/kl"]) < 1e-5
    tokens = float(rollouts.measured.mask[longest].sum())
    assert moved.drift == pytest.approx(0.08 / tokens, rel=1e-2)
    with pytest.raises(RunError, match=r"the KL .* is 0.0\d+ nats per token where it must be 0"):
        stage._check_first("KL to the start", moved.drift, 0, "nats per token")
    stage._check_first("KL to the start", clean.drift, 0, "nats per token")


@pytest.mark.parametrize("kind", ["opt", "mamba"])
def test_a_run_on_a_model_that_could_not_be_served_fails_before_its_first_step(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlhb_core.train.loop.load_split", lambda *_: ROWS)
    base = make(tmp_path / kind, kind)
    run = RunDir.create(tmp_path / "run", load_recipe("rlhf", {"base": base, "device": "cpu"}))
    assert train(run) == 1
    assert run.message().startswith(f"a version trained on {kind} could not be served: ")
    assert run.metrics() == []
