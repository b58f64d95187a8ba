"""Training runs, tiny but whole: every arm to its verdict, killed and resumed to the same numbers, stopped, refused."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rlhb_core import teachers
from rlhb_core.errors import RunError
from rlhb_core.learning.head_reward import LearnedReward
from rlhb_core.learning.likelihood import Likelihood
from rlhb_core.learning.ppo import PpoStage
from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import ORIGIN, POLICY, START, Metrics, Session, seed_all, seeded
from rlhb_core.lm.scorers import Written
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.config import RunConfig
from rlhb_core.run.data import Pair, Split, load_split
from rlhb_core.run.folder import ON_REQUEST, RunDir
from rlhb_core.run.metrics import Row
from rlhb_core.run.recipe import load_recipe
from rlhb_core.schema.arms import ARMS, Arm
from rlhb_core.schema.evidence import Evidence
from rlhb_core.schema.records import Comparison, RunStatus, Triplet
from rlhb_core.teachers.discriminator.triplets import origin_triplets
from rlhb_core.teachers.reward_model.model import load as load_reward_model
from rlhb_core.teachers.reward_model.stage import RewardModelStage
from rlhb_core.train import loop
from rlhb_core.train.checkpoint import Checkpoint
from rlhb_core.train.examiner import Nobody
from rlhb_core.train.loop import plan
from rlhb_core.train.version import read_version
from rlhb_core.verdict.checks import WORDS
from rlhb_core.world.examination import WorldExaminer
from rlhb_core.world.simulation import Author, as_log, simulate
from tests.tiny_stage import Indifferent

TINY: dict[str, Any] = {
    "source": "simulated",
    "device": "cpu",
    "checkpoint_every": 2,
    "adapter": {"rank": 4, "alpha": 8},
    "data": {"min_triplets": 8, "min_comparisons": 8},
    "sampling": {"max_new_tokens": 16, "batch": 32},
    "reward_model": {"steps": 20, "batch": 16},
    "classifier": {"steps": 20, "batch": 16},
    "preference": {"steps": 3, "batch": 8},
    "warmup": {"steps": 3, "batch": 8},
    "discriminator": {"pretrain_steps": 20, "pretrain_rollouts": 16, "batch": 16, "steps": 2},
    "ppo": {
        "iterations": 5,
        "rollouts": 16,
        "minibatch": 8,
        "micro_batch": 4,
        "likelihood_batch": 4,
        "critic_warmup": 1,
    },
    "evaluation": {
        "samples": 16,
        "judge_rollouts": 48,
        "foreseen_votes": 40,
        "watch": 8,
        "bootstrap": 100,
        "judge_steps": 10,
        "judge_pretrain_steps": 10,
        "judge_seeds": 2,
        "reading_steps": 2,
    },
}

Log = tuple[list[Triplet], list[Comparison]]

train = partial(loop.train, examiner=WorldExaminer())


@pytest.fixture(scope="module")
def log() -> Log:
    torch.set_num_threads(1)
    seed_all(0)
    trunk = load_trunk("embedded", "cpu")
    return as_log(simulate(trunk, [Author("SFT", Arm.SFT)] * 2, 90, seed=0, people=6))


def new_run(folder: Path, arm: str, log: Log, **changes: Any) -> RunDir:
    return RunDir.create(folder, load_recipe(arm, TINY | changes), *log)


def numbers(run: RunDir) -> list[Row]:
    """The metric rows without times."""
    return [
        {name: value for name, value in row.items() if not name.startswith("timing/")}
        for row in run.metrics()
    ]


def spawn(run: RunDir, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "rlhb_core", str(run.path), *options]
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})


def test_rlhf_then_rlhf_rlhb_from_its_version(log: Log, tmp_path: Path) -> None:
    first = new_run(tmp_path / "rlhf", "rlhf", log)
    assert train(first) == 0
    assert first.state() is RunStatus.DONE
    result = first.result()
    assert result is not None
    assert result["verdict"]["word"] in WORDS
    served = result["evaluation"]["conditions"]["served"]
    assert served["against_sft"]["n"] == 16
    assert result["evidence"]["reward_model"]["pairs"] > 0
    version = read_version(first.version)
    assert (version["arm"], version["trained_on"]) == ("rlhf", "simulated annotators")
    assert version["condition"] is None

    second = new_run(
        tmp_path / "both", "rlhf_rlhb", log, start=str(first.version), parent_version="RLHF"
    )
    assert train(second) == 0
    stages = list(dict.fromkeys(row["stage"] for row in second.metrics()))
    assert stages == ["warmup", "discriminator", "adversarial"]
    result = second.result()
    assert result is not None
    judges = result["evidence"]["judges"]
    assert set(judges) == {"origin", "before", "after"}
    assert [len(each) for each in judges["after"]["seeds"].values()] == [2, 1, 2]
    assert {"served", "least preferred"} == set(result["evaluation"]["conditions"])
    assert read_version(second.version)["condition"] == result["condition"]
    assert second.answers()["SFT"] == first.answers()["SFT"]  # both are measured against the same
    assert second.progress()["share"] == 1.0  # type: ignore[index]


def test_a_rated_aspect_is_in_the_reward_of_a_run_and_kept_with_its_version(
    log: Log, tmp_path: Path
) -> None:
    triplets, comparisons = log
    rated = [
        each.model_copy(
            update={
                "behavior_features": each.behavior_features.model_copy(
                    update={"ratings": {"short": 5.0 if len(each.response) < 40 else 1.0}}
                )
            }
        )
        for each in triplets
    ]
    short: Any = {
        "source": "imported",
        "ppo": TINY["ppo"] | {"iterations": 1},
        "reward_model": {"steps": 100, "batch": 64, "aspects": {"short": 3.0}},
    }
    run = new_run(tmp_path / "rated", "rlhf", (rated, comparisons), **short)
    assert train(run) == 0
    last = [row for row in run.metrics() if "reward_model/aspect_correlation" in row][-1]
    assert float(last["reward_model/aspect_correlation"]) > 0.5
    told = read_version(run.version)["aspects"]["short"]
    assert told["weight"] == 3.0
    assert told["correlation"] == pytest.approx(last["reward_model/aspect_correlation"])
    result = run.result()
    assert result is not None
    assert result["evidence"]["reward_model"]["aspects"]["short"]["ratings"] > 8

    kept = load_reward_model(run.version)
    session = Session(
        run.config(), load_split(run.config(), rated, comparisons), load_trunk("embedded", "cpu")
    )
    brief, long = (
        Written("What is the capital of Peru?", each) for each in ("Lima.", "Lima. " * 9)
    )
    with torch.no_grad():
        scores = kept(session.features([brief, long]))
    assert scores[0] > scores[1]


def test_rlhbc_stops_resumes_and_is_served_without_a_condition(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short: Any = {"source": "imported", "ppo": TINY["ppo"] | {"iterations": 3}}  # nor examined
    whole = new_run(tmp_path / "whole", "rlhbc", log, **short)
    assert train(whole) == 0
    result = whole.result()
    assert result is not None
    assert result["verdict"]["word"] in WORDS
    found = result["evidence"]["classifier"]
    assert set(found["clauses"]) == set(whole.config().data.clauses)
    assert found["preferred"].startswith("The reader ")
    assert result["condition"] is None
    assert read_version(whole.version)["condition"] is None

    run = new_run(tmp_path / "run", "rlhbc", log, **short)
    with monkeypatch.context() as patch:
        patch.setattr(run, "stop_requested", lambda: len(run.metrics()) == 3)
        assert train(run) == 0
    assert run.state() is RunStatus.STOPPED
    assert run.metrics()[-1]["stage"] == "ppo"  # beyond the classifier
    assert train(run, resume=True) == 0
    assert numbers(run) == numbers(whole)


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_is_judged_once_and_last(arm: Arm) -> None:
    session: Any = SimpleNamespace(
        config=load_recipe(arm, {"start": "."}), split=Split([], [], [], [], None)
    )
    names = [stage.name for stage in plan(session, Nobody())]
    assert names[-1] == "judging"
    assert len(set(names)) == len(names)
    assert all(cost > 0 for cost in teachers.costs(session.config, names).values())


def test_a_baseline_is_judged_by_behaviours_where_nobody_voted(log: Log, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", "kto", (log[0], []), source="imported")
    assert train(run) == 0
    result = run.result()
    assert result is not None
    assert result["verdict"]["word"] in WORDS
    assert list(dict.fromkeys(row["stage"] for row in run.metrics())) == ["preference"]
    gain = result["evidence"]["gain"]
    assert gain["words_drawn"]
    assert gain["words_pairs"] > 0
    assert "reward" not in gain
    assert read_version(run.version)["condition"] is None


def kill_within(run: RunDir, stage: str, rows: int, *options: str) -> None:
    """Start or resume the run's process and kill it when the stage has written so many rows."""
    process = spawn(run, *options)
    until = time.monotonic() + 120
    while sum(row["stage"] == stage for row in run.metrics()) < rows:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run.state() is RunStatus.INTERRUPTED
    assert run.result() is None


def test_a_run_killed_in_every_stage_resumes_to_the_same_numbers(log: Log, tmp_path: Path) -> None:
    changes = {
        "warmup": {**TINY["warmup"], "steps": 5},
        "discriminator": {**TINY["discriminator"], "pretrain_steps": 60},
        "evaluation": {**TINY["evaluation"], "samples": 8, "judge_rollouts": 16},
        "data_until_ms": 1_700_000_000_000,
    }
    whole = new_run(tmp_path / "whole", "rlhb", log, **changes)
    assert train(whole) == 0
    killed = new_run(tmp_path / "killed", "rlhb", log, **changes)
    moments = random.Random()  # anywhere, whether a checkpoint has just been written or not
    kill_within(killed, "warmup", moments.randint(1, 4))
    kill_within(killed, "discriminator", moments.randint(1, 4), "--resume")
    kill_within(killed, "adversarial", moments.randint(1, 4), "--resume")
    saved = Checkpoint(killed.checkpoint).load()
    assert saved is not None
    assert saved["data_until_ms"] == 1_700_000_000_000
    assert spawn(killed, "--resume").wait() == 0
    assert killed.state() is RunStatus.DONE
    assert numbers(killed) == numbers(whole)
    assert killed.result() == whole.result()


def test_a_checkpoint_of_other_data_is_refused(log: Log, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", "rlhf", log, data_until_ms=1000)
    Checkpoint(run.checkpoint).save({"stage": 0, "step": 1, "data_until_ms": 2000})
    assert train(run, resume=True) == 1
    assert "written on other data" in run.message()


def test_a_run_stops_when_asked_and_goes_on_later(log: Log, tmp_path: Path) -> None:
    whole = new_run(tmp_path / "whole", "rlhf", log)
    assert train(whole) == 0
    run = new_run(tmp_path / "run", "rlhf", log)
    run.begin()
    process = spawn(run)
    while len(run.metrics()) < 4 and process.poll() is None:
        time.sleep(0.01)
    run.request_stop()
    assert process.wait() == 0
    assert run.state() is RunStatus.STOPPED
    assert len(run.metrics()) < len(whole.metrics())
    assert train(run, resume=True) == 0
    assert numbers(run) == numbers(whole)


def test_a_stop_while_the_model_is_loaded_and_nobody_who_follows_lose_nothing(
    log: Log, tmp_path: Path
) -> None:
    short: Any = {"source": "imported", "ppo": TINY["ppo"] | {"iterations": 3}}
    whole = new_run(tmp_path / "whole", "rlhf", log, **short)
    assert train(whole) == 0
    run = new_run(tmp_path / "run", "rlhf", log, **short)
    run.request_stop()  # before the process has got as far as to look
    assert train(run) == 0
    assert (run.state(), run.message()) == (RunStatus.STOPPED, ON_REQUEST)
    assert run.metrics() == []
    assert not run.stop_requested()
    assert train(run, resume=True, unwatched_s=1e-9) == 0
    assert run.state() is RunStatus.STOPPED
    assert run.message().startswith("stopped because no server or command has followed it for ")
    assert 0 < len(run.metrics()) < len(whole.metrics())
    assert train(run, resume=True, unwatched_s=600) == 0
    assert numbers(run) == numbers(whole)


def test_too_little_data_fails_in_a_sentence(log: Log, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", "rlhb", log, data={"min_triplets": 10_000})
    assert train(run) == 1
    assert run.state() is RunStatus.FAILED
    distinct = len(
        {(each.query_id, each.response.strip()) for each in log[0]}
    )  # equal answers are one
    assert distinct < len(log[0])
    said = f"{distinct} triplets with a behaviour where at least 10000 are needed"
    assert run.message().startswith(said)


def test_a_policy_that_runs_away_is_called_diverged(log: Log, tmp_path: Path) -> None:
    run = new_run(
        tmp_path / "run", "rlhf", log, ppo={**TINY["ppo"], "kl_stop": 0.01, "learning_rate": 0.1}
    )
    assert train(run) == 0
    result = run.result()
    assert result is not None
    assert result["verdict"]["word"] == "diverged"
    assert result["evaluation"] is None
    assert len([row for row in run.metrics() if row["stage"] == "ppo"]) < 5


def evidence(config: RunConfig) -> Evidence:
    return teachers.of(config.arm).evidence()


def session_of(log: Log, **ppo: Any) -> tuple[Session, RunConfig]:
    config = load_recipe("rlhf", TINY | {"ppo": {**TINY["ppo"], **ppo}})
    seed_all(3)
    return Session(
        config, load_split(config, *log), load_trunk("embedded", "cpu"), evidence(config)
    ), config


def test_the_start_of_a_further_round_is_asked_as_it_was_deployed(log: Log, tmp_path: Path) -> None:
    """Otherwise D and judges learn what a behaviour in the prompt does, rather than what readers did."""
    liked = "The reader liked it."
    first = new_run(tmp_path / "first", "rlhb", log)
    assert train(first) == 0
    changes = {"start": str(first.version), "start_condition": liked}
    config = load_recipe("rlhb", TINY | changes)
    session = Session(
        config, load_split(config, *log), load_trunk("embedded", "cpu"), evidence(config)
    )
    rows = [row for row in session.split.train if row.whole][:6]
    asked = [Pair(row.query, liked) for row in rows]
    assert session.as_deployed([row.query for row in rows]) == asked
    seed_all(0)
    expected = session.answers(ORIGIN, asked)
    seed_all(0)
    found = origin_triplets(session, rows)
    assert torch.equal(found.features, session.features(expected.seen()))
    assert found.names == [row.behavior for row in rows]


def test_the_first_update_starts_from_ratio_one_and_kl_zero(log: Log) -> None:
    session, _ = session_of(log, critic_warmup=0, minibatch=16, epochs=1)
    reward_model = RewardModelStage(session)
    for number in range(1, reward_model.total + 1):
        reward_model.step(number)
    queries = session.split.queries
    pairs = [Pair(query, None) for query in queries]
    stage = PpoStage(
        session, "ppo", LearnedReward(session, "reward_model"), pairs, [1.0] * len(pairs)
    )
    found = stage.step(1)
    assert found["objective/kl"] == pytest.approx(0.0, abs=1e-5)
    assert found["val/ratio"] == pytest.approx(1.0, abs=1e-5)
    assert found["policy/clipfrac_avg"] == 0
    assert stage.step(2)["objective/kl"] != 0


def test_a_run_ends_with_the_average_of_its_weights_and_trains_on_the_newest(log: Log) -> None:
    def weights(average: float) -> list[torch.Tensor]:
        session, _ = session_of(log, critic_warmup=0, iterations=2, average=average)
        RewardModelStage(session)
        pairs = [Pair(query, None) for query in session.split.queries]
        stage = PpoStage(
            session, "ppo", LearnedReward(session, "reward_model"), pairs, [1.0] * len(pairs)
        )
        found = []
        for number in (0, 1, 2):
            if number:
                stage.step(number)
            found.append(
                torch.cat([one.detach().flatten() for one in session.trunk.parameters_of(POLICY)])
            )
        return found

    start, first, second = weights(0.0)
    assert not torch.equal(first, second)
    _, same, averaged = weights(1.0)  # over both iterations: half of it is the newest
    assert torch.equal(same, first)
    torch.testing.assert_close(averaged, 0.25 * start + 0.25 * first + 0.5 * second)


def test_beside_ppo_logged_answers_become_likelier(log: Log) -> None:
    def loss(weight: float) -> tuple[float, bool]:
        changes = {
            **TINY["ppo"],
            "likelihood": weight,
            "likelihood_batch": 16,
            "learning_rate": 6e-3,
            "average": 0.0,
            "rise": 1,
        }
        config = load_recipe("rlhb", TINY | {"ppo": changes})
        seed_all(3)
        session = Session(
            config, load_split(config, *log), load_trunk("embedded", "cpu"), evidence(config)
        )
        rows = [row for row in session.split.train if row.whole]
        pairs = [Pair(row.query, row.behavior) for row in rows]
        stage = PpoStage(session, "ppo", Indifferent(), pairs, [1.0] * len(pairs))
        found = [stage.step(number) for number in (1, 2, 3, 4)]
        with session.trunk.using(POLICY):
            return Likelihood(session, 16).look(rows), "loss/likelihood" in found[-1]

    without, with_it = loss(0.0), loss(1.0)
    assert with_it[0] < without[0] - 0.01
    assert (without[1], with_it[1]) == (False, True)


def test_a_reference_that_is_not_the_start_is_refused(log: Log) -> None:
    session, _ = session_of(log)
    RewardModelStage(session)
    pairs = [Pair(query, None) for query in session.split.queries]
    stage = PpoStage(
        session, "ppo", LearnedReward(session, "reward_model"), pairs, [1.0] * len(pairs)
    )
    for weight in session.trunk.parameters_of(POLICY):
        torch.nn.init.normal_(weight, std=0.05)
    with pytest.raises(
        RunError, match=r"the KL to the start before the first update is .* must be 0"
    ):
        stage.step(1)


def test_the_policy_as_served_has_the_averaged_weights(log: Log) -> None:
    session, _ = session_of(log, average=0.5)
    RewardModelStage(session)
    pairs = [Pair(query, None) for query in session.split.queries]
    reward = LearnedReward(session, "reward_model")
    stage = PpoStage(session, "ppo", reward, pairs, [1.0] * len(pairs))
    for weight in session.trunk.parameters_of(POLICY):
        torch.nn.init.normal_(weight, std=0.5)

    def answers(adapter: str) -> list[str]:
        with seeded(0):
            return session.answers(adapter, pairs[:8]).texts

    newest = answers(POLICY)
    with stage.as_served():
        assert answers(POLICY) == answers(START)  # nothing has been averaged yet
    assert answers(POLICY) == newest != answers(START)


def test_the_source_of_rewards_is_shown_the_policy_as_served(log: Log) -> None:
    session, _ = session_of(log, average=1.0)
    pairs = [Pair(query, None) for query in session.split.queries]

    class Watching(Indifferent):
        """Keeps what it is shown."""

        shown: list[str]

        def watched(self) -> Sequence[Pair]:
            return pairs[:8]

        def learn(self, rollouts: Rollouts, watched: Rollouts) -> Metrics:
            self.shown = watched.texts
            return {}

    source = Watching()
    stage = PpoStage(session, "ppo", source, pairs, [1.0] * len(pairs))
    for weight in session.trunk.parameters_of(POLICY):
        torch.nn.init.normal_(weight, std=0.5)  # the newest weights; the average is still the start
    with seeded(0):
        stage._draw()
        expected = session.answers(START, pairs[:8]).texts
    with seeded(0):
        stage.step(5)
    assert source.shown == expected


def test_an_entropy_bonus_keeps_the_policy_from_settling(log: Log) -> None:
    def entropies(bonus: float) -> list[float]:
        session, _ = session_of(
            log, kl=0.0, entropy=bonus, critic_warmup=0, rollouts=32, learning_rate=0.006, rise=1
        )
        pairs = [Pair(query, None) for query in session.split.queries]
        stage = PpoStage(session, "ppo", Indifferent(), pairs, [1.0] * len(pairs))
        return [stage.step(number)["objective/entropy"] for number in range(1, 8)]

    with_bonus, without = entropies(1.0), entropies(0.0)
    assert with_bonus[0] == without[0]  # nothing has been learned yet
    assert with_bonus[-1] > 1.1 * without[-1]


def test_gradients_add_up_over_micro_batches(log: Log) -> None:
    gradients = []
    for micro_batch in (3, 16):
        session, _ = session_of(
            log, micro_batch=micro_batch, minibatch=16, critic_warmup=0, entropy=0.1
        )
        reward_model = RewardModelStage(session)
        for number in range(1, reward_model.total + 1):
            reward_model.step(number)
        pairs = [Pair(query, None) for query in session.split.queries]
        ppo = PpoStage(
            session, "ppo", LearnedReward(session, "reward_model"), pairs, [1.0] * len(pairs)
        )
        with session.trunk.using(POLICY):
            rollouts = ppo._roll_out(ppo._draw())
            experience, _ = ppo._experience(rollouts, ppo._source.score(rollouts))
            ppo._update_policy(experience, list(range(16)))
        gradients.append(
            torch.cat([p.grad.flatten() for p in ppo._policy_parameters if p.grad is not None])
        )
    assert float(gradients[0].abs().max()) > 0
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-6, rtol=1e-3)
