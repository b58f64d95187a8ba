"""What whoever sees a comparison is asked and has said so far; and where a plan that makes no sense is told so."""

import itertools
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from app.comparing import asked_by
from app.comparing.view import ComparisonView, view_of
from app.store import FREE, Aspect, Plan, Store, Study, people, queries, studies
from rlhb_core.schema.formats import Format
from rlhb_core.schema.records import Outcome, Person, Query, Response
from rlhb_core.schema.signals import Signal, SignalKind

_moments = itertools.count(1)
WORDS = ["no", "hardly", "partly", "mostly", "yes"]
QUERY = Query(person_id=uuid4(), text="How many moons has Mars?")
ANSWERS = [
    Response(
        query_id=QUERY.id,
        version_id=uuid4(),
        position=place,
        draw_probability=1.0,
        text=f"Answer {place}.",
        outcome=Outcome.OK,
    )
    for place in range(3)
]
A, B, C = (each.id for each in ANSWERS)


def said(kind: str, about: UUID | None = None, **payload: Any) -> Signal:
    return Signal(
        kind=SignalKind(kind),
        query_id=QUERY.id,
        response_id=about,
        at_ms=next(_moments),
        page_id=QUERY.id,
        page_opened_ms=0,
        payload=payload,
    )


def view(*signals: Signal) -> ComparisonView:
    ways = queries.Ways(None, stays_blind=True, own_threads=False)
    return view_of(QUERY, ANSWERS, signals, {}, ways)


BEST_A = said("vote", choice="best", best=str(A), strength=2)
RANKED = said("rank", order=[[str(C)], [str(A), str(B)]])


def test_a_study_asks_in_one_order_and_tells_nothing_of_what_becomes_of_it():
    aspects = [Aspect(name="clear", weight=-3.5, anchors=WORDS), Aspect(name="kind")]
    plan = Plan(formats=["critique", "ratings", "best"], aspects=aspects, reasons=["wrong"])
    asks = asked_by(plan)
    assert asks.formats == (Format.BEST, Format.RATINGS, Format.CRITIQUE)
    assert [(each.name, list(each.anchors)) for each in asks.aspects] == [
        ("clear", WORDS),
        ("kind", []),
    ]
    assert asks.reasons == ("wrong",)
    assert "3.5" not in asks.model_dump_json()
    assert asked_by(Plan(aspects=aspects)).aspects == (), "not rated"


def test_what_was_said_comes_back():
    found = view(
        BEST_A,
        said("rate", B, aspect="clear", value=2.0),
        said("rate", B, aspect="clear", value=4.0),
        said("rate", B, aspect="kind", value=1.0),
        said("critique", C, text="Two.", tags=["wrong"]),
        said("like", A),
        said("dislike", A),
    )
    assert (found.vote.best, found.vote.strength, found.ranking) == (A, 2, None)
    a, b, c = (panel.marks for panel in found.panels)
    assert b.ratings == {"clear": 4.0, "kind": 1.0}
    assert (c.comment, c.tags) == ("Two.", ["wrong"])
    assert (a.liked, a.disliked) == (False, True)


@pytest.mark.parametrize(
    ("signals", "stands"),
    [
        ([RANKED], True),
        ([BEST_A, RANKED], True),
        ([RANKED, BEST_A], False),
        ([RANKED, said("vote", choice="withdrawn")], False),
        ([RANKED, said("like", A)], True),
    ],
)
def test_a_ranking_stands_until_another_outcome(signals: list[Signal], stands: bool):
    in_order = [each.model_copy(update={"at_ms": at}) for at, each in enumerate(signals, 1)]
    assert view(*in_order).ranking == ([[C], [A, B]] if stands else None)


def test_names_stay_hidden_where_something_is_said_after_the_vote():
    assert not Plan(reveal=True).stays_blind
    assert not Plan(reveal=True, formats=["best", "critique"]).stays_blind
    assert Plan(reveal=True, formats=["best", "strength"]).stays_blind
    assert Plan(reveal=True, formats=["binary"]).stays_blind


def test_the_study_of_a_query_is_found(store: Store):
    with store.writing() as connection:
        person = people.here(connection, Person())
        study = studies.add(connection, Study(name="Moons"))
        asked = queries.add(connection, Query(person_id=person.id, text="?"), study_id=study.id)
        free = queries.add(connection, Query(person_id=person.id, text="?"))
        assert studies.of_query(connection, asked.id).id == study.id
        assert studies.of_query(connection, free.id).id == FREE


@pytest.mark.parametrize(
    ("plan", "field", "sentence"),
    [
        ({"formats": ["strength"]}, "formats", "only where the best one is"),
        ({"formats": ["ratings"]}, "aspects", "name at least one aspect"),
        ({"aspects": [{"name": "a"}, {"name": "a"}]}, "aspects", "the same name"),
        ({"side_by_side": 1}, "side_by_side", "one answer alone cannot be compared"),
        ({"repeats": 0.5, "gold": 0.4}, "gold", "leave nothing for the rest"),
    ],
)
def test_a_plan_that_makes_no_sense_is_told_so_at_its_field(
    plan: dict[str, Any], field: str, sentence: str
):
    with pytest.raises(ValidationError) as told:
        Plan.model_validate(plan)
    (error,) = told.value.errors()
    assert error["loc"] == (field,)
    assert sentence in error["msg"]
