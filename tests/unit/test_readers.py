"""Simulated readers of any text: a taste that can be worked out by hand, the same by seed, informative but noisy."""

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlhb_core.schema.signals import Signal, SignalKind, check_signal
from rlhb_core.world.everyday import everyday_queries
from rlhb_core.world.readers import Reader, hidden_taste, readers, traits

QUERY = "What should I know about baking bread?"
GOOD = (
    "Good bread needs flour, water, salt, yeast and patience: knead it well, let it rise overnight, "
    "and bake it hot until the crust sings."
)
PUT_OFF = f"Sure, here is what you asked for. {GOOD}"
PAGE = UUID(int=1)


def test_traits_by_hand():
    one = traits(QUERY, "Sure. Maybe bake bread. Maybe bake bread")
    assert one.direct == 0
    assert one.whole == 0
    assert one.courteous == 0
    assert one.listed == 0
    assert one.hedging == 1.0  # two hedges in two closed sentences
    # sure maybe bake bread maybe bake bread: five triples, of which "maybe bake bread" comes again
    assert one.repeated == pytest.approx(1 / 5)
    # of what, should, know, about, baking, bread one is taken up
    assert one.to_the_question == pytest.approx(1 / 6)
    assert one.length == pytest.approx(-(np.log(7 / 24) ** 2))
    assert traits(QUERY, "- one\n- two").listed == 1
    assert traits(QUERY, "AlphaBeta word").strange == pytest.approx(0.5)


def test_what_the_population_likes():
    good = hidden_taste(QUERY, GOOD)
    assert good > hidden_taste(QUERY, PUT_OFF)
    assert good > hidden_taste(QUERY, GOOD.rstrip("."))  # cut off
    assert good > hidden_taste(QUERY, " ".join([GOOD] * 5))  # long, and says it again and again
    assert good > hidden_taste(QUERY, "Maybe. It depends on bread.")
    assert hidden_taste(QUERY, f"{GOOD} I hope this helps!") > good
    assert hidden_taste(QUERY, "EmIlliNess peoplesAmbivalenceAggregateOccupation") < 0


def test_a_reader_is_the_same_by_seed_and_differs_from_others():
    assert Reader.from_seed(3, 5) == Reader.from_seed(3, 5)
    people = readers(0, 20)
    assert len({person.felt(QUERY, GOOD) for person in people}) == 20
    assert people[0].felt(QUERY, GOOD) == people[0].felt(QUERY, GOOD)


@given(st.text(max_size=300))
def test_any_text_draws_signals_that_the_schema_takes(response):
    rng = np.random.default_rng(0)
    person = Reader.from_seed(1, 0)
    for place, (kind, payload) in enumerate(person.react(QUERY, response, rng)):
        signal = Signal(
            kind=SignalKind(kind), query_id=PAGE, response_id=PAGE, at_ms=1_750_000_600_000 + place,
            page_id=PAGE, page_opened_ms=1_750_000_000_000, payload=payload,
        )  # fmt: skip
        check_signal(signal, sent_ms=signal.at_ms)
    assert person.vote(QUERY, [response, response], rng) in {0, 1, "tie", "all_bad"}


def test_votes_and_acts_tell_what_is_felt_but_not_surely():
    rng = np.random.default_rng(0)
    people = readers(2, 40)
    votes = [person.vote(QUERY, [GOOD, PUT_OFF], rng) for person in people for _ in range(10)]
    decided = [vote for vote in votes if isinstance(vote, int)]
    assert 0.55 < np.mean([vote == 0 for vote in decided]) < 0.98
    bad = "Maybe perhaps"

    def liked(text: str) -> float:
        acts = [person.react(QUERY, text, rng) for person in people for _ in range(10)]
        return float(np.mean([any(kind == "like" for kind, _ in each) for each in acts]))

    assert liked(GOOD) > liked(bad) + 0.3
    with pytest.raises(ValueError, match="nothing to vote on"):
        people[0].vote(QUERY, [], rng)


def test_held_out_questions_are_about_other_subjects():
    rng = np.random.default_rng(0)
    asked, kept = everyday_queries(rng, 3000), everyday_queries(rng, 500, held_out=True)
    assert len(asked) == 3000
    assert len(kept) == 500
    assert not set(asked) & set(kept)
    assert any("bread" in query for query in asked)
    assert not any("bread" in query for query in kept)
    # all are asked before any is asked again
    assert len(set(asked[:480])) == 480
