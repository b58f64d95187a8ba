"""Shares, areas under curves, pairs and controlled strengths: by hand, by a reference, and by simulation."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binomtest, mannwhitneyu

from rlhb_core.results import (
    Choice,
    Choices,
    Dressed,
    Foreseen,
    Undetermined,
    apart,
    controlled,
    fit,
    foresight,
    met,
    rank,
    rank_with_ties,
    sandwich,
    share,
    side_by_side,
    telling,
    with_ties,
)


def test_a_share_of_independent_people_has_wilsons_interval():
    found = share([1] * 38 + [0] * 2, [f"p{n}" for n in range(40)])
    assert found.value == pytest.approx(0.95)
    wilson = binomtest(38, 40).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high))
    assert (found.n, found.people) == (40, 40)


def test_what_one_person_says_ten_times_is_not_ten_people():
    alone = share([1, 0] * 20, [f"p{n}" for n in range(40)])
    alike = share([1] * 20 + [0] * 20, [f"p{n // 10}" for n in range(40)])
    assert alone.value == alike.value == 0.5
    assert alike.high - alike.low > 2 * (alone.high - alone.low)  # type: ignore[operator]


def test_there_is_no_share_of_nothing():
    assert share([], []).value is None


def test_shares_of_clustered_people_cover_the_truth():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        chances = rng.beta(4, 4, size=20)
        counts = rng.integers(5, 25, size=20)
        hits = np.concatenate([rng.random(n) < p for n, p in zip(counts, chances, strict=True)])
        found = share(hits, np.repeat([f"p{n}" for n in range(20)], counts).tolist())  # type: ignore[arg-type]
        covered += found.low <= 0.5 <= found.high  # type: ignore[operator]
    assert 0.92 <= covered / 400 <= 0.98


def test_the_area_is_that_of_mann_and_whitney():
    rng = np.random.default_rng(0)
    won, lost = rng.integers(0, 6, 40), rng.integers(-1, 5, 55)
    numbers = [*won, *lost]
    found = telling(numbers, [True] * 40 + [False] * 55, [f"p{n % 10}" for n in range(95)])
    reference = mannwhitneyu(won, lost).statistic / (40 * 55)
    assert found.auc == pytest.approx(reference)
    assert found.low < found.auc < found.high  # type: ignore[operator]
    assert (found.won, found.lost, found.people) == (40, 55, 10)


def test_within_strata_what_differs_between_them_tells_nothing():
    # in each stratum the number says nothing; between them it says all
    numbers = [1, 1, 1, 2, 2, 2]
    won = [False, False, True, True, True, False]
    strata = [0, 0, 0, 1, 1, 1]
    persons = ["a", "b", "c", "a", "b", "c"]
    assert telling(numbers, won, persons).auc == pytest.approx(2 / 3)
    assert telling(numbers, won, persons, strata).auc == pytest.approx(0.5)


def test_what_is_not_defined_says_why():
    assert "won meets" in telling([1, 2], [True, True], ["a", "b"]).why
    assert "one person" in telling([1, 2], [True, False], ["a", "a"]).why
    assert telling([], [], []).auc is None


def test_areas_of_clustered_people_cover_the_truth():
    rng = np.random.default_rng(3)
    truth = 0.7602  # of N(1, 1) over N(0, 1): Phi(1 / sqrt 2)
    covered = 0
    for _ in range(300):
        people = np.repeat(np.arange(20), 12)
        won = rng.random(240) < 0.5
        # what a person's numbers have in common hurts within nobody, so strata take it out
        numbers = won + rng.normal(size=240) + 2 * rng.normal(size=20)[people]
        persons = [f"p{n}" for n in people]
        found = telling(numbers, won, persons, people)  # type: ignore[arg-type]
        covered += found.low <= truth <= found.high  # type: ignore[operator]
    assert 0.91 <= covered / 300 <= 0.985


def test_areas_between_people_cover_the_truth():
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(300):
        people = np.repeat(np.arange(20), 12)
        won = rng.random(240) < 0.5
        numbers = won + rng.normal(size=240)
        persons = [f"p{n}" for n in people]
        found = telling(numbers, won, persons)  # type: ignore[arg-type]
        covered += found.low <= 0.7602 <= found.high  # type: ignore[operator]
    assert 0.91 <= covered / 300 <= 0.985


def votes(a: int, b: int, ties: int = 0) -> list[Choice]:
    """So many for A, for B, and ties, each of somebody else."""
    told = ["A"] * a + ["B"] * b
    rows = [Choice.pick(f"p{n}", ("A", "B"), best) for n, best in enumerate(told)]
    return rows + [Choice.tie(f"t{n}", ("A", "B")) for n in range(ties)]


def test_who_met_whom_and_how_it_went():
    three = Choice.pick("x", ("A", "B", "C"), "A")
    found = {(row.version, row.other): row for row in met([*votes(3, 1, 2), three])}
    assert found["A", "B"][2:5] == (4, 2, 1)
    assert found["B", "A"][2:5] == (1, 2, 4)
    assert found["A", "B"].rate.value == pytest.approx(5 / 7)
    assert ("B", "C") not in found  # both lost to A


def told(choices: list[Choice]):
    counted = Choices.of(choices)
    strengths = fit(counted, counted.summed())
    return apart(counted.versions, strengths, sandwich(counted, strengths), side_by_side(choices))


def test_two_are_told_apart_or_how_many_more_it_takes():
    (sure,) = told(votes(60, 20))
    assert (sure.stronger, sure.told_apart, sure.more) == ("A", True, 0)
    assert sure.chance == pytest.approx(0.75)
    (unsure,) = told(votes(22, 18))
    assert not unsure.told_apart
    assert "cannot be told apart yet" in unsure.sentence
    # by hand: p = 0.55, log-odds 0.2007, their variance 1/(n p q) (times 40/39 for few people)
    wanted = (2.80158 / 0.20067) ** 2 / (0.55 * 0.45) * 40 / 39
    assert unsure.more == pytest.approx(wanted - 40, abs=2)


def test_equals_are_never_told_apart():
    (equal,) = told(votes(20, 20))
    assert (equal.told_apart, equal.more) == (False, None)


def test_an_anchor_moves_the_ratings_and_not_the_ranks():
    rows = votes(30, 10)
    plain = rank(Choices.of(rows))
    held = rank(Choices.of(rows), anchor="B")
    assert [row.version for row in held] == ["A", "B"]
    assert held[1].rating == held[1].low == held[1].high == pytest.approx(1000)
    assert held[0].rating - 1000 == pytest.approx(plain[0].rating - plain[1].rating)
    assert [row.rank for row in held] == [row.rank for row in plain] == [1, 2]


def test_ties_of_their_own_have_intervals_that_hold_the_strength():
    rows, readiness = rank_with_ties(votes(30, 10, 20), resamples=100)
    plain = with_ties(votes(30, 10, 20))
    assert readiness == pytest.approx(plain.ties, rel=1e-4)
    assert rows[0].strength == pytest.approx(plain.strengths["A"], abs=1e-5)
    assert rows[0].low < rows[0].rating < rows[0].high


def simulated(seed: int, length_weight: float, count: int = 3000) -> list[Dressed]:
    """Three versions: C writes longer answers, and is as good as B once length is held fixed."""
    rng = np.random.default_rng(seed)
    strength = {"A": -0.5, "B": 0.25, "C": 0.25}
    found = []
    for n in range(count):
        names = tuple(map(str, rng.permutation(["A", "B", "C"])[: rng.integers(2, 4)]))
        lengths = {name: rng.normal(1.0 if name == "C" else 0.0) for name in names}
        utility = [strength[name] + length_weight * lengths[name] for name in names]
        best = names[int(np.argmax(np.array(utility) + rng.gumbel(size=len(names))))]
        dress = {name: (length,) for name, length in lengths.items()}
        found.append(Dressed(Choice.pick(f"p{n % 50}", names, best), dress))
    return found


def test_without_covariates_it_is_the_plain_strength():
    rows = votes(30, 10, 6)
    rows.append(Choice("r", ("A", "B", "C"), (("C",), ("A", "B"))))
    rows += votes(2, 2) + [Choice.pick(f"c{n}", ("B", "C"), "CB"[n % 2]) for n in range(6)]
    picks = [Dressed(row, dict.fromkeys(row.side_by_side, ())) for row in rows]
    counted = Choices.of(rows)
    found, plain = controlled(picks), fit(counted, counted.summed())
    assert found.strengths == pytest.approx(plain, abs=1e-5)
    assert found.covariance == pytest.approx(sandwich(counted, plain), abs=1e-4)


def test_length_held_fixed_gives_the_strengths_back():
    found = controlled(simulated(1, 1.0))
    strengths = dict(zip(found.versions, found.strengths, strict=True))
    errors = np.sqrt(np.diag(found.covariance))
    assert strengths["B"] - strengths["C"] == pytest.approx(0, abs=4 * max(errors))
    assert strengths["B"] - strengths["A"] == pytest.approx(0.75, abs=4 * max(errors))
    assert found.weights[0] / found.errors[0] > 10


def test_controlled_strengths_are_those_of_a_general_optimiser():
    picks = simulated(2, 0.5, 300)
    found = controlled(picks)
    spread = np.concatenate([list(pick.covariates.values()) for pick in picks]).std()

    def loss(values: np.ndarray) -> float:
        total = 0.0
        for choice, dress in picks:
            at = ["ABC".index(name) for name in choice.side_by_side]
            length = np.array([dress[name][0] for name in choice.side_by_side])
            odds = values[at] + values[3] * length / spread
            total -= odds[choice.side_by_side.index(choice.groups[0][0])]
            total += np.logaddexp.reduce(odds)
        return total

    reference = minimize(loss, np.zeros(4), method="BFGS").x
    assert found.strengths == pytest.approx(reference[:3] - reference[:3].mean(), abs=1e-3)
    assert found.weights[0] == pytest.approx(reference[3], abs=1e-3)


def test_what_decides_every_choice_has_no_strength():
    rows = [
        Dressed(Choice.pick(f"p{n}", ("A", "B"), "A"), {"A": (0.0,), "B": (1.0,)})
        for n in range(10)
    ]
    with pytest.raises(Undetermined, match="no finite strength"):
        controlled(rows)


def test_what_is_done_foresees_what_is_chosen_by_other_people():
    rng = np.random.default_rng(0)
    rows = []
    for n in range(400):
        best = int(rng.integers(3))
        copied = [float(k == best and rng.random() < 0.8) for k in range(3)]
        noise = rng.random(3)
        rows.append(
            Foreseen(f"p{n % 20}", [(c, z) for c, z in zip(copied, noise, strict=True)], best)
        )
    found, chance = foresight(rows, [0])
    assert chance == pytest.approx(1 / 3)
    # copied in 4 of 5 cases; in the fifth nothing tells them apart
    assert found.value == pytest.approx(0.8 + 0.2 / 3, abs=0.03)
    useless = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        anything = [row._replace(acts=rng.random((3, 1)).tolist()) for row in rows]
        useless.append(foresight(anything, [0])[0].value)
    assert np.mean(useless) == pytest.approx(1 / 3, abs=0.02)  # type: ignore[arg-type]
    assert foresight([row._replace(person="one") for row in rows], [0])[0].value is None
