"""Fresh judges on words: by hand, on answers that differ, and on answers that do not."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlhb_core.lm.scorers import Discriminator
from rlhb_core.run.votes import ALL_BAD, TIE, Voted
from rlhb_core.verdict.gain import _vote_accuracy, _vote_judge
from rlhb_core.verdict.judge_training import (
    Hashed,
    Parts,
    Projection,
    Shown,
    Teaching,
    WordJudge,
    accuracy_of,
    learn_pairing,
)
from rlhb_core.verdict.words import BUCKETS, Words, WordScorer, words_of
from rlhb_core.world import sample_answer, sample_queries

LIKED, NOTHING = "The reader liked it.", "The reader did nothing with it."


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


# --- words ----------------------------------------------------------------------------------------


def test_words_are_the_same_in_every_process() -> None:
    assert words_of("", "Lima") == [1894, 5446]
    assert words_of("Peru?", "Lima.", LIKED) == words_of("Peru?", "Lima.", LIKED)


@given(st.text(max_size=30), st.text(max_size=60), st.sampled_from(["", LIKED, NOTHING]))
def test_words_fit_the_scorer_and_are_never_nothing(
    query: str, response: str, behavior: str
) -> None:
    found = words_of(query, response, behavior)
    assert found
    assert all(0 <= word < BUCKETS for word in found)
    assert words_of(query, response.upper(), behavior) == words_of(
        query, response.upper().lower(), behavior
    )


def test_words_and_their_pairs_count_once_each() -> None:
    # a length, three words, three pairs of neighbours (Lima is, is Lima, Lima in)
    assert len(words_of("", "Lima is Lima in")) == 7
    assert len(words_of("", "Lima Lima Lima")) == 3


def test_words_are_crossed_with_every_clause_and_with_the_longer_words_of_the_query() -> None:
    alone = set(words_of("", "Lima."))
    assert len(alone) == 2  # the word and the length
    one = set(words_of("", "Lima.", "The reader liked it."))
    two = set(words_of("", "Lima.", "The reader liked it and copied it."))
    three = set(words_of("", "Lima.", "The reader read it briefly, liked it and copied it."))
    assert alone < one < two < three
    assert [len(found) for found in (one, two, three)] == [4, 6, 8]
    copied = set(words_of("", "Lima.", "The reader copied it."))
    assert two == one | copied  # a clause is the same alone and among others
    asked = set(words_of("The capital of Peru?", "Lima."))
    assert len(asked - alone) == 2  # with capital and with peru
    assert asked == set(words_of("capital, PERU!", "Lima."))


def test_an_answer_without_words_is_still_scored() -> None:
    scorer = WordScorer()
    with torch.no_grad():
        scorer.weights.weight[:] = 1.0
        scores = scorer([words_of("", "Lima."), words_of("", ""), words_of("", "Lima Lima Lima")])
    # sums over the root of their number: of 2, 1 and 3 features
    torch.testing.assert_close(scores, torch.tensor([2.0, 1.0, 3.0]).sqrt())


# --- telling answers apart ------------------------------------------------------------------------

Side = tuple[list[Words], list[Words]]


def parts(side: Side) -> Parts[Hashed]:
    """Of the first list a fifth says when to stop; the second is for testing."""
    train, test = (Hashed(rows, [""] * len(rows)) for rows in side)
    count = len(train.names)
    learned, stopping = (
        train.rows(index) for index in torch.arange(count).split([count - count // 5, count // 5])
    )
    return Parts(learned, stopping, test)


def judged(real: Side, fake: Side, steps: int = 60) -> float:
    torch.manual_seed(0)
    judge = WordJudge()
    optimiser = torch.optim.Adagrad(judge.parameters(), lr=0.1)
    return accuracy_of(judge, parts(real), parts(fake), Teaching(steps, 128, looks=6), optimiser)


def answers(count: int, seed: int, behavior: str = "") -> list[Words]:
    """Answers of the world's own mixture."""
    rng = np.random.default_rng(seed)
    return [words_of(q, sample_answer(q, rng), behavior) for q in sample_queries(rng, count)]


def test_answers_of_another_kind_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    other = [words_of(q, f"I would say {q.lower()}") for q in sample_queries(rng, 600)]
    assert judged((answers(400, 0), answers(200, 2)), (other[:400], other[400:])) > 0.97


def test_two_samples_of_the_same_answers_are_not_told_apart() -> None:
    # 800 test rows: the standard error of chance is 0.018
    found = judged((answers(500, 0), answers(400, 2)), (answers(500, 3), answers(400, 4)))
    assert found == pytest.approx(0.5, abs=0.055)


def test_a_behaviour_at_the_wrong_answer_is_told_from_one_at_the_right_answer() -> None:
    """Both sides have the same answers and the same behaviours; only what goes with what differs."""

    def rows(count: int, truly: bool) -> list[Words]:
        found = []
        for i in range(count):
            polite = i % 2 == 0
            liked = polite if truly else not polite
            text = f"Good question! It is {i}." if polite else f"It is {i}."
            found.append(words_of(f"Query {i}?", text, LIKED if liked else NOTHING))
        return found

    assert judged((rows(200, True), rows(100, True)), (rows(200, False), rows(100, False))) > 0.97


# --- learning who did what ------------------------------------------------------------------------


def shown(count: int, told: float, seed: int, truly: bool = True) -> Shown:
    """Responses of two kinds; people like one kind and dislike the other in a share `told` of cases."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(2, (count,), generator=generator)
    noise = 0.3 * torch.randn(count, 4, generator=generator)
    agrees = torch.rand(count, generator=generator) < told
    behaviour = torch.where(agrees, kind, 1 - kind)
    if not truly:
        behaviour = behaviour[torch.randperm(count, generator=generator)]
    names = [[NOTHING, LIKED][i] for i in behaviour.tolist()]
    return Shown(noise + kind[:, None] * 2 - 1, behaviour[:, None], names)


def test_a_judge_that_knows_who_did_what_needs_hardly_any_generated_answer() -> None:
    """Generated rows do not heed the behaviour. Real ones do in four cases of five, the most that can be seen."""
    torch.manual_seed(0)
    head = Discriminator(4, 2, dropout=0.0)
    head.standardise.fit(shown(400, 0.8, 0).features)
    learn_pairing(head, shown(400, 0.8, 0), torch.ones(400), steps=80)
    real = Parts(shown(12, 0.8, 1), shown(40, 0.8, 2), shown(600, 0.8, 3))
    fake = Parts(shown(12, 0.8, 4, False), shown(40, 0.8, 5, False), shown(600, 0.8, 6, False))

    def accuracy(judge: Projection, rate: float) -> float:
        optimiser = torch.optim.AdamW(judge.parameters(), lr=rate)
        return accuracy_of(judge, real, fake, Teaching(20, 8, looks=4), optimiser)

    # 0.8 of the real rows and half of the generated ones are right
    assert accuracy(Projection(head), 1e-4) == pytest.approx(0.65, abs=0.03)
    assert accuracy(Projection(head), 0.5) > 0.6  # what training spoils is not kept
    assert accuracy(Projection(Discriminator(4, 2, dropout=0.0)), 1e-4) < 0.58


# --- votes ----------------------------------------------------------------------------------------


def scorer_of(scores: dict[str, float]) -> WordScorer:
    """A judge by which each of these one-word answers has its score."""
    scorer = WordScorer()
    length = set(words_of("", "x")) & set(words_of("", "y"))
    with torch.no_grad():
        for word, score in scores.items():
            (bucket,) = set(words_of("", word)) - length
            scorer.weights.weight[bucket] = score * 2**0.5  # the word and the length: root of 2
    return scorer


def vote(outcome: int, *responses: str) -> Voted:
    return Voted("", responses, outcome)


def test_accuracy_on_votes_by_hand() -> None:
    judge = scorer_of({"good": 2.0, "fair": 1.0, "bad": -1.0})

    def accuracy(*votes: Voted) -> tuple[float, int]:
        with torch.no_grad():
            return _vote_accuracy(judge, votes)

    assert accuracy(vote(0, "good", "bad")) == (1.0, 1)
    assert accuracy(vote(1, "good", "bad")) == (0.0, 1)
    # the best of three against each other one: above bad, below good
    assert accuracy(vote(1, "good", "fair", "bad")) == (0.5, 2)
    assert accuracy(vote(0, "fair", "fair")) == (0.5, 1)  # the judge cannot tell
    # outcomes without a best decide nothing
    assert accuracy(vote(TIE, "good", "bad"), vote(ALL_BAD, "good", "bad")) == (0.5, 0)
    # a ranking tells three pairs, of which two are evidence on their own
    ranking = Voted("", ("good", "bad", "fair"), 0, places=(1, 2, 3))
    assert accuracy(ranking) == (2 / 3, 2)
    every = (vote(0, "good", "bad"), vote(1, "good", "fair", "bad"), vote(TIE, "good", "bad"))
    assert accuracy(*every) == ((1.0 + 0.5 * 2) / 3, 3)


def taste(count: int, outcome: int) -> list[Voted]:
    """Votes on a polite and a rude answer, in turns."""
    found: list[Sequence[str]] = [
        (f"Good question! It is {i}.", f"It is {i}. What a silly question.") for i in range(count)
    ]
    return [
        Voted(f"Query {i}?", tuple(pair if i % 2 else pair[::-1]), (i + 1 + outcome) % 2)
        for i, pair in enumerate(found)
    ]


@pytest.mark.parametrize("outcome", [0, 1])
def test_a_judge_trained_on_votes_foresees_others_of_the_same_taste(outcome: int) -> None:
    judge = _vote_judge(taste(80, outcome), seed=0, steps=30)
    with torch.no_grad():
        same, pairs = _vote_accuracy(judge, taste(140, outcome)[80:])
        other, _ = _vote_accuracy(judge, taste(140, 1 - outcome)[80:])
    assert pairs == 60
    assert same > 0.95
    assert other < 0.05


def test_votes_on_two_and_on_three_answers_train_one_judge() -> None:
    three = [Voted(row.query, (*row.responses, "No idea."), row.outcome) for row in taste(40, 0)]
    judge = _vote_judge([*taste(40, 0), *three], seed=0, steps=30)
    with torch.no_grad():
        accuracy, pairs = _vote_accuracy(judge, three)
    assert pairs == 80
    assert accuracy > 0.95
