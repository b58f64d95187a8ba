"""Strengths of versions: hand-worked, against other people's libraries, and intervals that cover the truth."""

import math

import choix
import evalica
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlhb_core.results import Choice, Choices, Undetermined, rank, with_ties
from rlhb_core.results.strength import fit, rating, sandwich


def picks(*wins: tuple[str, str, int]) -> list[Choice]:
    """So often each first one was picked over each second one, by as many people."""
    return [
        Choice.pick(f"p{number}", (best, other), best)
        for best, other, times in wins
        for number in range(times)
    ]


def strengths(choices: list[Choice]) -> dict[str, float]:
    counted = Choices.of(choices)
    found = fit(counted, counted.summed())
    return dict(zip(counted.versions, map(float, found), strict=True))


def test_two_versions_by_hand():
    found = strengths(picks(("A", "B", 30), ("B", "A", 10)))
    assert found["A"] - found["B"] == pytest.approx(math.log(3))
    assert found["A"] + found["B"] == pytest.approx(0)
    assert rating(math.log(10)) - rating(0) == pytest.approx(400)


def test_a_tie_is_half_a_win_for_each():
    tied = [Choice.tie(f"t{n}", ("A", "B")) for n in range(20)]
    found = strengths([*picks(("A", "B", 20)), *tied])
    assert found["A"] - found["B"] == pytest.approx(math.log(3))  # 30 to 10


def test_a_pick_among_three_is_one_choice_by_hand():
    three = ("A", "B", "C")
    times = {"A": 6, "B": 3, "C": 1}
    rows = [Choice.pick(f"p{n}", three, best) for best, many in times.items() for n in range(many)]
    counted = Choices.of(rows)
    found = strengths(rows)  # Luce: odds as the picks
    assert found["A"] - found["C"] == pytest.approx(math.log(6))
    assert found["B"] - found["C"] == pytest.approx(math.log(3))
    assert counted.judged.tolist() == [10, 10, 10]
    assert counted.picks.sum() == pytest.approx(10)


def test_a_ranking_is_not_two_independent_wins():
    rows = [Choice(f"p{n}", ("A", "B", "C"), (("A",), ("B",), ("C",))) for n in range(3)]
    rows += [Choice("q", ("A", "B", "C"), (("C",), ("B",), ("A",)))]
    counted = Choices.of(rows)
    assert {tuple(counted.versions[i] for i in group) for group in counted.sets} == {
        ("A", "B", "C"), ("B", "C"), ("A", "B"),
    }  # fmt: skip
    found = strengths(rows)
    reference = choix.opt_rankings(3, [(0, 1, 2)] * 3 + [(2, 1, 0)])
    assert [found[name] for name in "ABC"] == pytest.approx(list(reference), abs=1e-4)


def test_tied_places_of_a_ranking_count_every_order_alike():
    tied = [
        Choice("p", ("A", "B", "C"), (("A", "B"), ("C",))),
        *picks(("C", "A", 1), ("C", "B", 1)),
    ]
    orders = [
        Choice("p", ("A", "B", "C"), (("A",), ("B",), ("C",))),
        Choice("p", ("A", "B", "C"), (("B",), ("A",), ("C",))),
        *picks(("C", "A", 2), ("C", "B", 2)),
    ]
    assert strengths(tied) == pytest.approx(strengths(orders), abs=1e-8)


def table(seed: int, versions: int = 6, votes: int = 400) -> list[tuple[str, str, str]]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 1, versions)
    rows = []
    for _ in range(votes):
        a, b = rng.choice(versions, 2, replace=False).tolist()
        draw = rng.random()
        winner = (
            "tie"
            if draw < 0.15
            else ("a" if rng.random() < 1 / (1 + math.exp(truth[b] - truth[a])) else "b")
        )
        rows.append((f"v{a}", f"v{b}", winner))
    return rows


def as_choices(rows: list[tuple[str, str, str]]) -> list[Choice]:
    return [
        Choice.tie(str(n % 20), (a, b))
        if won == "tie"
        else Choice.pick(str(n % 20), (a, b), a if won == "a" else b)
        for n, (a, b, won) in enumerate(rows)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_as_evalica_and_choix_say(seed):
    rows = table(seed)
    found = strengths(as_choices(rows))
    kinds = {"a": evalica.Winner.X, "b": evalica.Winner.Y, "tie": evalica.Winner.Draw}
    theirs = evalica.bradley_terry(
        [a for a, _, _ in rows], [b for _, b, _ in rows], [kinds[won] for _, _, won in rows],
        tie_weight=0.5, tolerance=1e-12, limit=100_000,
    ).scores  # fmt: skip
    logs = {name: math.log(score) for name, score in theirs.items()}
    mean = sum(logs.values()) / len(logs)
    assert found == pytest.approx({name: value - mean for name, value in logs.items()}, abs=1e-5)
    names = sorted(found)
    clear = [(names.index(a), names.index(b)) if won == "a" else (names.index(b), names.index(a))
             for a, b, won in rows if won != "tie"]  # fmt: skip
    alone = strengths([row for row in as_choices(rows) if len(row.groups[0]) == 1])
    reference = choix.opt_pairwise(len(names), clear)
    assert [alone[name] for name in names] == pytest.approx(
        list(reference - np.mean(reference)), abs=1e-4
    )


def test_davidson_finds_what_it_was_made_of():
    rng = np.random.default_rng(5)
    truth, ties = {"A": 0.8, "B": 0.0, "C": -0.8}, 0.7
    rows = []
    for n in range(9000):
        a, b = rng.choice(list(truth), 2, replace=False).tolist()
        weights = np.array(
            [math.exp(truth[a]), math.exp(truth[b]), ties * math.exp((truth[a] + truth[b]) / 2)]
        )
        won = rng.choice(3, p=weights / weights.sum())
        rows.append(
            Choice.tie(str(n), (a, b)) if won == 2 else Choice.pick(str(n), (a, b), (a, b)[won])
        )
    found = with_ties(rows)
    assert found.strengths == pytest.approx(truth, abs=0.08)
    assert found.ties == pytest.approx(ties, abs=0.05)


def test_what_cannot_be_told_is_said():
    with pytest.raises(Undetermined, match="only one side was ever picked"):
        rank(Choices.of(picks(("A", "B", 5))))
    with pytest.raises(Undetermined, match="never stood beside"):
        rank(Choices.of(picks(("A", "B", 2), ("B", "A", 2), ("C", "D", 2), ("D", "C", 2))))
    with pytest.raises(Undetermined, match="not two versions"):
        rank(Choices.of([]))
    with pytest.raises(ValueError, match="side by side with itself"):
        Choices.of([Choice.pick("p", ("A", "A"), "A")])
    with pytest.raises(ValueError, match="was not there"):
        Choices.of([Choice.pick("p", ("A", "B"), "C")])


def test_ranks_count_whose_lower_bound_lies_above():
    rows = picks(
        ("A", "B", 55),
        ("B", "A", 45),
        ("A", "C", 90),
        ("C", "A", 10),
        ("B", "C", 85),
        ("C", "B", 15),
    )
    found = rank(Choices.of(rows), resamples=300)
    assert [(row.version, row.rank) for row in found] == [("A", 1), ("B", 1), ("C", 3)]
    assert sum(row.strength for row in found) == pytest.approx(0, abs=1e-9)
    assert all(row.low <= row.rating <= row.high for row in found)
    assert {row.version: row.comparisons for row in found} == {"A": 200, "B": 200, "C": 200}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("ABC")), min_size=1, max_size=40))
def test_names_and_order_of_rows_change_nothing(pairs):
    rows = [Choice.pick(str(n % 3), (a, b), a) for n, (a, b) in enumerate(pairs) if a != b]
    rows += picks(("A", "B", 1), ("B", "C", 1), ("C", "A", 1), ("A", "C", 1))
    other = {"A": "Z", "B": "Y", "C": "X"}
    renamed = [
        Choice.pick(row.person, [other[v] for v in row.side_by_side], other[row.groups[0][0]])
        for row in rows
    ]
    found = strengths(rows)
    assert {other[name]: value for name, value in found.items()} == pytest.approx(
        strengths(renamed[::-1]), abs=1e-7
    )


def clustered(rng: np.random.Generator) -> tuple[Choices, float]:
    """Twenty people of different taste, and what all of them together think of A against B."""
    rows = []
    for person in range(20):
        own = rng.normal(0.5, 0.8)
        rows += [
            Choice.pick(
                str(person), ("A", "B"), "A" if rng.random() < 1 / (1 + math.exp(-own)) else "B"
            )
            for _ in range(30)
        ]
    return Choices.of(rows), 0.5


def marginal() -> float:
    """The log-odds of A over B over such people, whom no single vote sees: by a fine sum over tastes."""
    tastes = np.random.default_rng(0).normal(0.5, 0.8, 400_000)
    share = float((1 / (1 + np.exp(-tastes))).mean())
    return math.log(share / (1 - share))


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng, truth, times = np.random.default_rng(1), marginal(), 400
    by_bootstrap = by_sandwich = naive = 0
    for number in range(times):
        choices, _ = clustered(rng)
        a, b = (
            next(row for row in rank(choices, 200, number) if row.version == name) for name in "AB"
        )
        low, high = ((points - 1000) / (400 / math.log(10)) * 2 for points in (a.low, a.high))
        by_bootstrap += low <= truth <= high
        found = fit(choices, choices.summed())
        covariance = sandwich(choices, found)
        error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        by_sandwich += abs(a.strength - b.strength - truth) <= 2.093 * error  # t of 19 degrees
        share = float(choices.summed()[0, 0]) / 600
        naive += abs(a.strength - b.strength - truth) <= 1.96 / math.sqrt(600 * share * (1 - share))
    assert 0.92 <= by_sandwich / times <= 0.98
    assert 0.90 <= by_bootstrap / times <= 0.98
    assert naive / times < 0.80  # what forgets that votes are people's
