"""What is still missing of what a study asks, told from what was said."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from rlhb_core.schema.formats import FORMATS, Axis, Format, given, is_skipped, missing
from rlhb_core.schema.signals import Signal, SignalKind

QUERY, A, B, C = (uuid4() for _ in range(4))


def said(kind: str, about: UUID | None = None, **payload: Any) -> Signal:
    return Signal(
        kind=SignalKind(kind), query_id=QUERY, response_id=about, at_ms=1, page_id=QUERY, page_opened_ms=0,
        payload=payload,
    )  # fmt: skip


BEST_A = said("vote", choice="best", best=str(A))
RANKED = said("rank", order=[[str(A)], [str(B), str(C)]])


@pytest.mark.parametrize(
    ("format", "signals", "is_there"),
    [
        ("best", [], False),
        ("best", [BEST_A], True),
        ("best", [said("vote", choice="tie")], True),
        ("best", [BEST_A, said("vote", choice="withdrawn")], False),
        ("best", [RANKED], True),
        ("strength", [BEST_A], False),
        ("strength", [said("vote", choice="best", best=str(A), strength=2)], True),
        ("strength", [said("vote", choice="tie")], True),
        ("ranking", [BEST_A], False),
        ("ranking", [RANKED], True),
        ("ranking", [RANKED, BEST_A], False),
        ("ranking", [said("vote", choice="all_bad")], True),
        ("ratings", [said("rate", A, aspect="kind", value=3.0)], False),
        ("ratings", [said("rate", each, aspect="kind", value=3.0) for each in (A, B, C)], True),
        ("ratings", [said("rate", each, aspect="clear", value=3.0) for each in (A, B, C)], False),
        ("binary", [said("like", A), said("dislike", B)], False),
        ("binary", [said("like", A), said("dislike", B), said("like", C)], True),
        ("binary", [said("like", each) for each in (A, B, C)] + [said("like", C, on=False)], False),
        ("critique", [], True),
        ("passages", [], True),
        ("edit", [], True),
    ],
)
def test_what_is_missing(format: str, signals: list[Signal], is_there: bool):
    wanted = Format(format)
    lacking = missing([wanted], given(signals), [A, B, C], ["kind"])
    assert lacking == ([] if is_there else [wanted])


def test_a_ranking_after_a_vote_stands_and_a_vote_after_it_too():
    assert given([BEST_A, RANKED]).ranked
    assert not given([RANKED, BEST_A]).ranked


@pytest.mark.parametrize(
    ("kind", "payload", "taken_back"),
    [
        ("critique", {"text": "No."}, {"text": ""}),
        ("edit", {"text": "Two."}, {"text": "Two.", "on": False}),
        (
            "mark",
            {"mark": str(C), "start": 0, "end": 2, "quality": "bad"},
            {"mark": str(C), "start": 0, "end": 2, "quality": "bad", "on": False},
        ),
    ],
)
def test_a_remark_is_something_said_until_it_is_taken_back(
    kind: str, payload: dict[str, Any], taken_back: dict[str, Any]
):
    remark = said(kind, A, **payload)
    assert given([remark]).remarked
    assert given([remark, said(kind, A, **taken_back)]) == given([])
    assert given([remark, said(kind, B, **payload), said(kind, A, **taken_back)]).remarked


def test_skipping_is_no_choice_of_an_answer():
    assert is_skipped(given([said("vote", choice="skip")]))
    assert not is_skipped(given([said("vote", choice="skip"), BEST_A]))


def test_every_format_is_on_one_axis_and_has_its_sentence():
    assert set(FORMATS) == set(Format)
    assert all("?" in each.says for each in FORMATS.values())
    relative = {name for name, each in FORMATS.items() if each.axis is Axis.RELATIVE}
    assert relative == {Format.BEST, Format.STRENGTH, Format.RANKING}


def test_a_ranking_that_leaves_answers_out_is_none():
    some, whole = said("rank", order=[[str(A)]]), said("rank", order=[[str(B)], [str(A)]])
    for asked in (Format.RANKING, Format.BEST):
        assert missing([asked], given([some], {A, B}), {A, B}) == [asked]
        assert missing([asked], given([whole], {A, B}), {A, B}) == []
