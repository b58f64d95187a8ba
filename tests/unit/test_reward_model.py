"""The reward model: ensembles, margins, aspects and calibration, by hand and on scores made up for it."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import torch

from rlhb_core.errors import NotEnoughData
from rlhb_core.learning.judgements import Judgements
from rlhb_core.learning.losses import choice_loss, rating_loss
from rlhb_core.lm.scorers import Written
from rlhb_core.run.data import load_split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.run.votes import ALL_BAD, TIE, Voted
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.teachers.reward_model import TEACHER, RewardModelEvidence
from rlhb_core.teachers.reward_model import stage as stage_module
from rlhb_core.teachers.reward_model.calibration import (
    COLDEST,
    HOTTEST,
    calibration_error,
    correlation,
    fit_temperature,
    pair_accuracy,
    rated_pairs,
)
from rlhb_core.teachers.reward_model.model import RewardModel, combined, load
from rlhb_core.teachers.reward_model.ratings import (
    LEAST_SPREAD,
    PRIOR,
    Habits,
    Rated,
    check_ratings,
    ratings,
)
from rlhb_core.teachers.reward_model.settings import RewardModelSettings
from rlhb_core.teachers.reward_model.stage import RewardModelStage
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
    votes = [Voted("?", tuple("abc"), 1), Voted("?", tuple("ab"), 0), Voted("?", tuple("abc"), TIE)]
    margins = Judgements.of(votes, torch.device("cpu")).margins(
        torch.tensor([[1.0, 3.0, 4.0], [2.0, 2.0, 9.0], [0.0, 0.0, 0.0]])
    )
    assert margins.tolist() == [2.0, -1.0, 0.0]
    assert pair_accuracy(margins) == pytest.approx(0.5)


def test_correlation_and_pairs_of_ratings_by_hand() -> None:
    foreseen, told = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 3.0, 3.0])
    assert rated_pairs(foreseen, told).tolist() == [1.0, 3.0]
    assert correlation(foreseen, told) == pytest.approx(8 / math.sqrt(42 * 8 / 3), rel=1e-3)
    assert correlation(foreseen, torch.ones(3)) == 0


def test_the_loss_of_ratings_by_hand() -> None:
    nothing = math.nan
    found = torch.tensor([[1.0, 5.0], [0.0, 2.0]], requires_grad=True)
    told = torch.tensor([[3.0, nothing], [1.0, nothing]])
    loss = rating_loss(found, told, torch.tensor([1.0, 3.0]))
    assert float(loss.detach()) == pytest.approx((1 * 2.0 + 3 * 0.5) / 4)
    loss.backward()
    torch.testing.assert_close(found.grad, torch.tensor([[-0.5, 0.0], [-0.75, 0.0]]))


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


def test_rated_answers_are_rows_of_their_own_and_too_few_are_named() -> None:
    rows = [row for n in range(30) for row in rated(f"Query {n}?", clear=4.0, kind=3.0)]
    votes = [comparison(f"Query {n}?", best=0) for n in range(30)]
    small = {"min_comparisons": 8}
    wanted = {"aspects": {"clear": 0.5, "kind": 0.1}}
    config = load_recipe("rlhf", {"data": small, "reward_model": wanted})
    rows[0].behavior_features.ratings.pop("kind")
    split = load_split(config, rows, votes)
    train, held_out = ratings(config, split)
    assert len(train) + len(held_out) == 60
    assert {row.query for row in train}.isdisjoint(row.query for row in held_out)
    assert {each.query for each in held_out} <= set(split.held_out_queries)
    found = [row.ratings for row in train + held_out if row.response == "rated"]
    assert found == [(4.0, 3.0)] * 30
    assert sum(math.isnan(row.ratings[1]) for row in train + held_out) == 1
    assert len(split.train_votes + split.held_out_votes) == 30, "no rating is a vote"
    check_ratings(config, split)
    lacking = load_recipe("rlhf", {"data": small, "reward_model": {"aspects": {"short": 1.0}}})
    with pytest.raises(NotEnoughData, match="0 answers rated on 'short' where at least 8"):
        check_ratings(lacking, load_split(lacking, rows, votes))


def test_a_person_is_measured_by_their_own_habit_and_by_that_of_all_where_they_rated_little():
    def row(person: str, *given: float) -> Rated:
        return Rated("q", "r", True, person, given)

    rows = [row("a", value) for value in (4.0, 5.0, 4.0, 5.0)] + [row("b", 1.0)]
    mean = 19 / 5
    spread = math.sqrt(sum((value - mean) ** 2 for value in (4, 5, 4, 5, 1)) / 5)
    habits = Habits(rows)
    own = (18 + PRIOR * mean) / (4 + PRIOR)
    squares = sum((value - own) ** 2 for value in (4, 5, 4, 5))
    own_spread = math.sqrt((squares + PRIOR * spread**2) / (4 + PRIOR))
    assert habits.standardised(row("a", 5.0)) == pytest.approx(((5 - own) / own_spread,))
    assert habits.standardised(row("nobody", 5.0)) == pytest.approx(((5 - mean) / spread,))
    assert math.isnan(habits.standardised(row("a", math.nan))[0])
    # who always rates high says less with a high rating
    assert habits.standardised(row("a", 4.0))[0] < habits.standardised(row("b", 4.0))[0]
    alike = Habits([row("a", 3.0)] * 3)
    assert alike.standardised(row("a", 4.0)) == pytest.approx((1 / LEAST_SPREAD,))


def stage(**settings: Any) -> RewardModelStage:
    """A stage on made-up features: people vote by the first number of a response, rate `clear` by the second."""
    torch.manual_seed(0)
    numbers = torch.randn(200, 2, 2)

    def features(responses: list[Written]) -> torch.Tensor:
        return torch.tensor([[float(part) for part in each.text.split()] for each in responses])

    def texts(pair: list[list[float]]) -> tuple[str, ...]:
        return tuple(f"{first} {second}" for first, second in pair)

    votes = [Voted("?", texts(pair), int(pair[1][0] > pair[0][0])) for pair in numbers.tolist()]
    rows = [
        Rated("?", text, True, None, (float(text.split()[1]),))
        for pair in numbers.tolist()
        for text in texts(pair)
    ]
    found = RewardModelEvidence()
    session: Any = SimpleNamespace(
        config=load_recipe(
            "rlhf", {"reward_model": {"steps": 60, "learning_rate": 0.02, **settings}}
        ),
        split=SimpleNamespace(train_votes=votes[:150], held_out_votes=votes[150:]),
        features=features,
        trunk=SimpleNamespace(device=torch.device("cpu")),
        heads={},
        evidence_as=lambda _: found,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage_module, "ratings", lambda *_: (rows[:300], rows[300:]))
        made = RewardModelStage(session)
    for number in range(1, made.total + 1):
        made.step(number)
    return made


def test_each_aspect_has_a_head_of_its_own_and_its_weight_in_the_score() -> None:
    made = stage(aspects={"clear": 20.0})
    evidence = made._session.evidence_as(RewardModelEvidence).reward_model
    assert evidence is not None
    assert evidence.accuracy < 0.85  # the score heeds clarity more than votes
    assert evidence.aspects["clear"].accuracy > 0.9
    assert (evidence.aspects["clear"].correlation or 0) > 0.9
    assert evidence.aspects["clear"].ratings == 100
    assert evidence.aspects["clear"].pairs == 100 * 99 / 2
    corners = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    model = made._model
    with torch.no_grad():
        voted, clear = model.aspects(corners).T
        score = model.raw(corners)
    assert voted[0] - voted[2] > 4 * abs(voted[1] - voted[2])
    assert clear[1] - clear[2] > 4 * abs(clear[0] - clear[2])
    torch.testing.assert_close(score - score[2], voted - voted[2] + 20 * (clear - clear[2]))


def test_without_aspects_votes_alone_make_the_score() -> None:
    evidence = stage()._session.evidence_as(RewardModelEvidence).reward_model
    assert evidence is not None
    assert evidence.accuracy > 0.9
    assert evidence.aspects == {}
    assert evidence.calibration_error is not None
    assert evidence.calibration_error >= 0


def test_the_model_is_kept_with_its_version_and_scores_the_same_again(tmp_path: Path) -> None:
    made = stage(aspects={"clear": 2.0}, members=2, score="lowest")
    session = made._session
    told = TEACHER.keep(session, tmp_path)
    assert told["aspects"]["clear"]["weight"] == 2.0
    assert told["aspects"]["clear"]["correlation"] > 0.9
    some = torch.randn(20, 2)
    with torch.no_grad():
        torch.testing.assert_close(load(tmp_path)(some), made._model.eval()(some))


# --- as it was ------------------------------------------------------------------------------------


def test_votes_alone_give_the_losses_that_they_gave_before_there_was_anything_else() -> None:
    """The numbers are those of the code before rankings, edits and ratings had losses of their own."""
    torch.manual_seed(0)
    numbers = torch.randn(120, 3, 2)
    votes = []
    for n, row in enumerate(numbers.tolist()):
        shown = row[: 2 + n % 2]
        texts = tuple(f"{first} {second}" for first, second in shown)
        best = max(range(len(shown)), key=lambda i: shown[i][0])
        outcome = (best, best, TIE, best, ALL_BAD)[n % 5]
        votes.append(Voted("?", texts, outcome, 1.0 if n % 7 else 0.5))
    settings = {"steps": 30, "batch": 16, "learning_rate": 0.02}
    session: Any = SimpleNamespace(
        config=load_recipe("rlhf", {"reward_model": settings}),
        split=SimpleNamespace(train_votes=votes[:90], held_out_votes=votes[90:]),
        features=lambda some: torch.tensor(
            [[float(part) for part in each.text.split()] for each in some]
        ),
        trunk=SimpleNamespace(device=torch.device("cpu")),
        heads={},
        evidence_as=lambda _: RewardModelEvidence(),
    )
    made = RewardModelStage(session)
    rows = [made.step(number) for number in (1, 2, 3)]
    found = [
        (row["reward_model/loss"], row["reward_model/held_out_loss"], row["reward_model/accuracy"])
        for row in rows
    ]
    assert found == [
        pytest.approx((1.426406556367874, 1.1596928834915161, 1.0), rel=1e-5),
        pytest.approx((1.34995033343633, 1.2152556578318279, 1.0), rel=1e-5),
        pytest.approx((1.3908757130304972, 1.15785547097524, 26 / 27), rel=1e-5),
    ]
