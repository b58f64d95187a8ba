"""The baselines: what they learn from, TRL's losses against hand-worked ones,
the same tokens as everywhere, resuming.
"""

import copy
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from rlhb_core import teachers
from rlhb_core.errors import BadConfig, NotEnoughData, RunError
from rlhb_core.learning.session import POLICY, START, Session, seed_all
from rlhb_core.lm.generator import encode_prompt, encode_response
from rlhb_core.lm.trunk import Trunk, load_trunk
from rlhb_core.run.data import Logged, Split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.run.votes import ALL_BAD, TIE, Voted
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import Outcome
from rlhb_core.teachers.preference.stage import (
    PreferenceStage,
    evened,
    labels,
    pairs,
    shuffled,
    winners,
)

LIKED, DISLIKED = "The reader liked it.", "The reader disliked it."
NOTHING = "The reader did nothing with it."
BASELINES = [Arm.SFT_PREFERRED, Arm.DPO, Arm.ORPO, Arm.KTO]
VOTES = [
    Voted(f"What is the capital of {land}?", (f"It is {right}.", "I do not know.", "Go away."), 0)
    for land, right in (("Peru", "Lima"), ("France", "Paris"), ("Italy", "Rome"), ("Iran", "Tehran"))
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def session_of(arm: Arm, **settings: Any) -> Session:
    given = {"steps": 4, "batch": 4, "learning_rate": 0.01, **settings}
    config = load_recipe(arm, {"device": "cpu", "adapter.rank": 4, "preference": given})
    logged = [
        Logged(vote.query, text, behavior)
        for vote in VOTES
        for text, behavior in zip(vote.responses, (LIKED, NOTHING, DISLIKED), strict=True)
    ]
    seed_all(0)
    split = Split(logged, logged, VOTES, VOTES, None)
    trunk = load_trunk("embedded", "cpu")
    return Session(config, split, trunk, teachers.of(arm).evidence())


FIRST_LOSSES = {
    Arm.SFT_PREFERRED: (2.718400, 2.523299),
    Arm.DPO: (0.693147, 0.216511),
    Arm.ORPO: (4.727366, 4.515221),
    Arm.KTO: (0.537500, 0.437273),
}
"""Of the first two steps on votes alone, by the code before rankings and edits had weights of their own."""


# --- data -----------------------------------------------------------------------------------------


def test_votes_become_winners_and_pairs() -> None:
    votes = [
        Voted("q", ("a", "b", "a", " "), 0, 0.5),
        Voted("q", ("a", "b"), TIE),
        Voted("q", ("a", "b"), ALL_BAD),
    ]
    assert winners(votes) == [({"prompt": "q", "completion": "a"}, 0.5)]
    assert pairs(votes) == [({"prompt": "q", "chosen": "a", "rejected": "b"}, 0.5)]


def test_behaviours_become_labels_by_the_sign_of_what_they_say() -> None:
    rows = [
        Logged("q", "good", LIKED),
        Logged("q", "bad", DISLIKED, weight=2.0),
        Logged("q", "unsaid", NOTHING),
        Logged("q", "cut", LIKED, Outcome.STOPPED),
        Logged("q", "", LIKED, Outcome.EMPTY),
    ]
    assert labels(rows) == [
        ({"prompt": "q", "completion": "good", "label": True}, 1.0),
        ({"prompt": "q", "completion": "bad", "label": False}, 2.0),
    ]


def test_examples_are_kept_by_their_weight_and_in_the_same_order_for_the_same_seed() -> None:
    found = [({"prompt": str(n)}, 2.0 if n % 2 else 0.5) for n in range(400)]
    kept = shuffled(found, seed=1)
    assert kept == shuffled(found, seed=1) != shuffled(found, seed=2)
    odd = [row for row in kept if int(row["prompt"]) % 2]
    assert len(odd) == 200
    assert 30 < len(kept) - len(odd) < 70  # a quarter of 200
    assert [int(row["prompt"]) for row in odd] != sorted(int(row["prompt"]) for row in odd)


def test_liked_answers_weigh_a_little_more_than_all_disliked_ones() -> None:
    assert evened([True, False, False]) == pytest.approx(2.3)
    assert evened([True] * 4 + [False]) == pytest.approx(1.15 / 4)
    assert evened([True, True]) > 0


# --- TRL ------------------------------------------------------------------------------------------


def total_logprob(trunk: Trunk, query: str, text: str) -> tuple[float, int]:
    """Of a response, worked out with nothing but the model; and its number of tokens."""
    prompt, answer = encode_prompt(trunk, query), encode_response(trunk, text)
    with torch.no_grad():
        logits = trunk.model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    return float(-F.cross_entropy(logits, torch.tensor(answer), reduction="sum")), len(answer)


def moved(session: Session) -> None:
    """Take the policy away from its start, or every log-ratio is 0."""
    state = {
        name: value + 0.05 * torch.randn_like(value)
        for name, value in session.trunk.adapter_state(POLICY).items()
    }
    session.trunk.set_adapter_state(POLICY, state)


def test_the_loss_is_the_one_of_the_paper_on_the_tokens_used_everywhere() -> None:
    for arm in (Arm.SFT_PREFERRED, Arm.DPO):
        session = session_of(arm, beta=0.3)
        stage = PreferenceStage(session)
        moved(session)
        found = stage.step(1)["preference/loss"]
        # the step has changed the policy: measure on one that was moved alike
        again = session_of(arm, beta=0.3)
        PreferenceStage(again)
        moved(again)
        trunk, rows = again.trunk, stage._trainer.train_dataset
        expected, tokens = 0.0, 0
        for row in (rows[index] for index in range(4)):  # type: ignore[index]
            query = row["prompt"][0]["content"]
            names = ("completion",) if arm is Arm.SFT_PREFERRED else ("chosen", "rejected")
            logs = {}
            for adapter in (POLICY, START):
                with trunk.using(adapter):
                    logs[adapter] = [
                        total_logprob(trunk, query, row[name][0]["content"]) for name in names
                    ]
            if arm is Arm.SFT_PREFERRED:
                expected -= logs[POLICY][0][0]
                tokens += logs[POLICY][0][1]
            else:
                ratios = [
                    new[0] - old[0] for new, old in zip(logs[POLICY], logs[START], strict=True)
                ]
                expected -= float(F.logsigmoid(torch.tensor(0.3 * (ratios[0] - ratios[1])))) / 4
        assert found == pytest.approx(expected / max(tokens, 1), rel=1e-4)


@pytest.mark.parametrize("arm", BASELINES)
def test_a_baseline_learns_and_goes_on_where_it_stopped(arm: Arm) -> None:
    session = session_of(arm)
    stage = PreferenceStage(session)
    rows = [stage.step(number) for number in (1, 2)]
    saved, kept = copy.deepcopy(stage.state()), session.state()
    rows += [stage.step(number) for number in (3, 4)]
    assert rows[-1]["preference/held_out_loss"] < rows[0]["preference/loss"]
    found = tuple(row["preference/loss"] for row in rows[:2])
    assert found == pytest.approx(FIRST_LOSSES[arm], rel=1e-3)

    later = session_of(arm)
    again = PreferenceStage(later)
    later.restore(kept)
    again.restore(saved)
    assert [again.step(number) for number in (3, 4)] == rows[2:]


# --- what is refused ------------------------------------------------------------------------------


def test_without_trl_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of(Arm.DPO)
    monkeypatch.setattr("rlhb_core.teachers.preference.find_spec", lambda name: None)
    with pytest.raises(BadConfig, match=r"pip install 'rlhb-studio\[baselines\]'"):
        PreferenceStage(session)
    assert teachers.missing(Arm.RLHF) == ""


def test_nothing_to_learn_from_and_a_loss_that_is_lost_are_said() -> None:
    session = session_of(Arm.DPO)
    session.split = Split([], [], VOTES[:1], [Voted("q", ("a", "b"), TIE)], None)
    with pytest.raises(NotEnoughData, match="2 training and 0 held-out examples for DPO"):
        PreferenceStage(session)
    stage = PreferenceStage(session_of(Arm.SFT_PREFERRED))
    stage._parameters[0].data.fill_(float("nan"))
    with pytest.raises(RunError, match=r"lower preference\.learning_rate"):
        stage.step(1)


def test_trl_is_imported_by_nobody_else() -> None:
    root = Path(importlib.util.find_spec("rlhb_core").submodule_search_locations[0])  # type: ignore[union-attr, index]
    users = [path.name for path in root.rglob("*.py") if "import trl" in path.read_text("utf-8")]
    assert users == ["stage.py"]
