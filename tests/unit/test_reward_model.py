"""The reward model: ensembles, margins, aspects and calibration, by hand and on scores made up for it."""

import math
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import torch

from rlhb_core.errors import NotEnoughData
from rlhb_core.learning.losses import choice_loss
from rlhb_core.lm.scorers import Written
from rlhb_core.run.data import load_split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.run.votes import TIE, Voted
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.teachers.reward_model import RewardModelEvidence
from rlhb_core.teachers.reward_model import stage as stage_module
from rlhb_core.teachers.reward_model.calibration import (
    COLDEST,
    HOTTEST,
    calibration_error,
    fit_temperature,
)
from rlhb_core.teachers.reward_model.ratings import check_ratings, ratings
from rlhb_core.teachers.reward_model.settings import RewardModelSettings
from rlhb_core.teachers.reward_model.stage import (
    RewardModel,
    RewardModelStage,
    Votes,
    combined,
    pair_accuracy,
    pair_margins,
)
from tests.unit.test_data import comparison, triplet

# --- by hand --------------------------------------------------------------------------------------


def test_a_margin_is_taken_off_the_chosen_response_alone() -> None:
    scores, nothing = torch.tensor([[2.0, 0.0]] * 2), torch.tensor(-torch.inf)
    loss = choice_loss(
        scores, torch.ones(2, 2), torch.tensor([0, 1]), nothing, nothing, torch.tensor([1.0, 3.0]),
        torch.tensor([0.5, 0.0]),
    )  # fmt: skip
    first, second = math.log(1 + math.exp(-(2.0 - 0.5))), math.log(1 + math.exp(2.0))
    assert float(loss) == pytest.approx((first + 3 * second) / 4)


@pytest.mark.parametrize(
    ("how", "expected"),
    [("mean", [2.0, 2.0]), ("lowest", [1.0, 2.0]), ("variance_penalised", [2.0 - 0.5 * 1.0, 2.0])],
)
def test_heads_that_disagree_are_trusted_less(how: str, expected: list[float]) -> None:
    scores = torch.tensor([[1.0, 2.0], [3.0, 2.0]])  # two heads, two responses
    torch.testing.assert_close(combined(scores, how), torch.tensor(expected))


def test_heads_are_centred_before_the_lowest_is_taken() -> None:
    settings = load_recipe("rlhf", {"reward_model": {"members": 2, "score": "lowest"}}).section(
        RewardModelSettings
    )
    model = RewardModel(3, settings)
    with torch.no_grad():
        model.members[1].scores.bias.add_(100.0)  # type: ignore[union-attr, operator]
    logged = torch.randn(50, 3)
    model.eval()
    model.fit(logged)
    with torch.no_grad():
        found = model(logged)
        second = model.members[1](logged)[:, 0]
    assert float(found.mean()) == pytest.approx(0, abs=1e-5)
    assert float(found.std()) == pytest.approx(1, abs=1e-4)
    assert bool((model.raw(logged) <= second - second.mean() + 1e-4).all())
    assert bool((model.raw(logged) < second - second.mean() - 1e-4).any())  # the first one counts


def test_margins_of_pairs_leave_out_ties_and_padding() -> None:
    votes = Votes(
        torch.zeros(3, 3, 1), torch.tensor([[1.0, 1, 1], [1, 1, 0], [1, 1, 1]]),
        torch.tensor([1, 0, TIE]), torch.ones(3), torch.zeros(3),
    )  # fmt: skip
    margins = pair_margins(torch.tensor([[1.0, 3.0, 4.0], [2.0, 2.0, 9.0], [0.0, 0.0, 0.0]]), votes)
    assert margins.tolist() == [2.0, -1.0, 0.0]
    assert pair_accuracy(margins) == pytest.approx(0.5)


def test_calibration_error_by_hand() -> None:
    # confidence 0.75 three times, right twice: 0.083 off; 0.95 once, right: 0.05 off; weighed by rows
    sure, surer = math.log(3), math.log(19)
    margins = torch.tensor([sure, sure, -sure, surer])
    assert calibration_error(margins) == pytest.approx((3 * (0.75 - 2 / 3) + 0.05) / 4, abs=1e-6)
    assert calibration_error(torch.zeros(4)) == 0  # an even guess is right half of the time
    assert calibration_error(torch.zeros(0)) == 0


def test_the_temperature_makes_choices_likeliest() -> None:
    # three of four right at equal margins: the best confidence is 3/4, so T = margin / log 3
    margins = torch.tensor([4.0, 4.0, 4.0, -4.0])
    temperature = fit_temperature(margins)
    assert temperature == pytest.approx(4 / math.log(3), rel=1e-4)
    assert calibration_error(margins, temperature) == pytest.approx(0, abs=1e-4)
    assert fit_temperature(torch.tensor([1.0, 2.0])) == pytest.approx(COLDEST, rel=1e-4)
    assert fit_temperature(torch.tensor([-1.0, -2.0])) == pytest.approx(HOTTEST, rel=1e-4)


# --- ratings and strengths ------------------------------------------------------------------------


def rated(query: str, **ratings: float) -> list[Any]:
    """Two answers to the query; the second has the ratings, the first 3 in every aspect."""
    query_id = uuid4()
    return [
        triplet(query).model_copy(
            update={
                "query_id": query_id,
                "response": text,
                "behavior_features": BehaviorFeatures(ratings=given),
            }
        )
        for text, given in (("plain", dict.fromkeys(ratings, 3.0)), ("rated", ratings))
    ]


def test_ratings_of_an_aspect_become_pairs() -> None:
    rows = [row for n in range(30) for row in rated(f"Query {n}?", clear=4.0, kind=3.0)]
    votes = [comparison(f"Query {n}?", best=0) for n in range(30)]
    small = {"min_comparisons": 8}
    wanted = {"aspects": {"clear": 0.5, "kind": 0.1}}
    config = load_recipe("rlhf", {"data": small, "reward_model": wanted})
    rated_pairs = ratings(config, load_split(config, rows, votes))
    assert {key: {v.outcome for part in parts for v in part} for key, parts in rated_pairs.items()} == {
        "clear": {1},
        "kind": {TIE},
    }  # fmt: skip
    assert sum(map(len, rated_pairs["clear"])) == 30
    lacking = load_recipe("rlhf", {"data": small, "reward_model": {"aspects": {"short": 1.0}}})
    with pytest.raises(NotEnoughData, match="0 pairs of answers rated on 'short'"):
        check_ratings(lacking, load_split(lacking, rows, votes))


def stage(**settings: Any) -> RewardModelStage:
    """A stage on made-up features: people vote by the first number of a response, rate `clear` by the second."""
    torch.manual_seed(0)
    numbers = torch.randn(200, 2, 2)

    def features(responses: list[Written]) -> torch.Tensor:
        return torch.tensor([[float(part) for part in each.text.split()] for each in responses])

    def votes_by(column: int) -> list[Voted]:
        found = []
        for pair in numbers.tolist():
            best = int(pair[1][column] > pair[0][column])
            texts = tuple(f"{first} {second}" for first, second in pair)
            found.append(Voted("?", texts, best))
        return found

    found = RewardModelEvidence()
    split = SimpleNamespace(
        train_votes=votes_by(0)[:150],
        held_out_votes=votes_by(0)[150:],
    )
    session: Any = SimpleNamespace(
        config=load_recipe(
            "rlhf", {"reward_model": {"steps": 60, "learning_rate": 0.02, **settings}}
        ),
        split=split,
        features=features,
        trunk=SimpleNamespace(device=torch.device("cpu")),
        heads={},
        evidence_as=lambda _: found,
    )
    rated_votes = {"clear": (votes_by(1)[:150], votes_by(1)[150:])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            stage_module, "ratings", lambda *_: rated_votes if settings.get("aspects") else {}
        )
        made = RewardModelStage(session)
    for number in range(1, made.total + 1):
        made.step(number)
    return made


def test_each_aspect_has_a_head_of_its_own_and_its_weight_in_the_score() -> None:
    made = stage(aspects={"clear": 2.0})
    evidence = made._session.evidence_as(RewardModelEvidence).reward_model
    assert evidence is not None
    assert evidence.accuracy < 0.85  # the score heeds clarity more than votes
    assert evidence.aspects["clear"].accuracy > 0.9
    assert evidence.aspects["clear"].pairs == 50
    corners = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    model = made._model
    with torch.no_grad():
        voted, clear = model.aspects(corners).T
        score = model.raw(corners)
    assert voted[0] - voted[2] > 4 * abs(voted[1] - voted[2])
    assert clear[1] - clear[2] > 4 * abs(clear[0] - clear[2])
    torch.testing.assert_close(score - score[2], voted - voted[2] + 2 * (clear - clear[2]))


def test_without_aspects_votes_alone_make_the_score() -> None:
    evidence = stage()._session.evidence_as(RewardModelEvidence).reward_model
    assert evidence is not None
    assert evidence.accuracy > 0.9
    assert evidence.aspects == {}
    assert evidence.calibration_error is not None
    assert evidence.calibration_error >= 0
