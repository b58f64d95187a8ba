"""The one schema: records say no to what they must not hold, and survive the journey to JSON lines and back."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rlhb_core.errors import BadRecord
from rlhb_core.schema.arms import every_arm
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.payloads import Rate, Vote, VoteChoice
from rlhb_core.schema.record import Record, describe, now_ms, read_jsonl, write_jsonl
from rlhb_core.schema.records import (
    Comparison,
    Deployment,
    ModelVersion,
    Outcome,
    Person,
    Query,
    Response,
    Run,
    Source,
    Triplet,
)
from rlhb_core.schema.signals import KINDS, Signal, SignalKind, parse_payload

RECORDS: list[type[Record]] = [
    Person, Query, Response, Signal, ModelVersion, Deployment, Run,
    BehaviorFeatures, Triplet, Comparison,
    *sorted({facts.payload for facts in KINDS.values()}, key=lambda k: k.__name__),
]  # fmt: skip

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
triplets = st.builds(
    Triplet,
    verbaliser_version=st.integers(1, 9),
    query_id=st.uuids(),
    response_id=st.uuids(),
    query=words,
    response=st.text(max_size=40),
    behavior_text=words,
    behavior_features=st.builds(
        BehaviorFeatures,
        dwell_ms=st.none() | st.integers(0, 10**9),
        dwell_z=st.none() | st.floats(-9, 9),
        read_depth=st.none() | st.floats(0, 1),
        liked=st.booleans(),
        rating=st.none() | st.floats(1, 5),
    ),
    arm=st.none() | st.sampled_from(every_arm()),
    model_version=st.text(max_size=10),
    condition=st.none() | words,
    position=st.none() | st.integers(0, 15),
    draw_probability=st.none() | st.floats(0, 1, exclude_min=True),
    outcome=st.sampled_from(Outcome),
    source=st.sampled_from(Source),
    asked_at=words,
    answered_at=words,
    person=st.none() | words,
)


@given(triplets)
def test_a_triplet_survives_its_line(triplet: Triplet):
    line = triplet.model_dump_json()
    assert "\n" not in line
    assert Triplet.model_validate_json(line) == triplet


@given(st.lists(triplets, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_records_survive_a_file(tmp_path: Path, many: list[Triplet]):
    path = tmp_path / "triplets.jsonl"
    assert write_jsonl(path, many) == len(many)
    assert list(read_jsonl(path, Triplet)) == many


def test_the_first_bad_line_of_a_file_is_named(tmp_path: Path):
    path = tmp_path / "queries.jsonl"
    good = Query(person_id=uuid4(), text="Why?").model_dump_json()
    path.write_text(f'{good}\n\n{good}\n{{"text": "no person"}}\n')
    found = read_jsonl(path, Query)
    assert [next(found).text, next(found).text] == ["Why?", "Why?"]
    with pytest.raises(BadRecord, match=r"queries\.jsonl, line 4: person_id: field required"):
        next(found)


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_unknown_fields_are_refused(kind: type[Record]):
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        kind.model_validate({"surprise": 1})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_no_number_is_not_a_number(number: str):
    with pytest.raises(ValidationError):
        Rate.model_validate_json(f'{{"value": {number}}}')
    with pytest.raises(ValidationError):
        BehaviorFeatures.model_validate_json(f'{{"dwell_z": {number}}}')
    for kind in (SignalKind.DWELL, SignalKind.SCROLL, SignalKind.RATE):
        with pytest.raises(BadRecord, match="finite"):
            parse_payload(kind, {"value": float(number.replace("Infinity", "inf"))})


def test_only_a_vote_for_the_best_has_a_strength_from_1_to_3():
    best = {"choice": "best", "best": str(uuid4())}
    assert parse_payload(SignalKind.VOTE, best | {"strength": 3}) == Vote(**best, strength=3)
    for wrong in (best | {"strength": 4}, {"choice": "tie", "strength": 1}):
        with pytest.raises(BadRecord, match="strength"):
            parse_payload(SignalKind.VOTE, wrong)


A_RESPONSE = str(uuid4())


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("shown", {"position": True}),
        ("shown", {"position": "1"}),
        ("dwell", {"ms": True}),
        ("dwell", {"ms": "3000"}),
        ("dwell", {"ms": 1.5}),
        ("scroll", {"depth": "0.5"}),
        ("scroll", {"depth": True}),
        ("copy", {"chars": False}),
        ("select", {"chars": "7"}),
        ("like", {"on": 1}),
        ("dislike", {"on": "yes"}),
        ("flag", {"on": 0}),
        ("edit", {"text": "x", "on": "false"}),
        ("abandon", {"on": 0}),
        ("rate", {"value": "4"}),
        ("rate", {"value": True}),
        ("vote", {"choice": "best", "best": A_RESPONSE, "early": "no"}),
        ("vote", {"choice": "best", "best": A_RESPONSE, "strength": True}),
        (
            "rank",
            {"order": [[str(uuid4())] for _ in range(10)] + [[str(uuid4()) for _ in range(7)]]},
        ),
        ("rank", {"order": [[A_RESPONSE], [A_RESPONSE]]}),
        ("rank", {"order": [[A_RESPONSE, A_RESPONSE]]}),
        ("rank", {"order": [[A_RESPONSE], []]}),
        ("rank", {"order": []}),
    ],
)
def test_a_payload_means_what_it_says_or_is_refused(kind: str, payload: dict[str, Any]):
    with pytest.raises(BadRecord, match=f"^{kind}: "):
        parse_payload(SignalKind(kind), payload)


def test_numbers_and_marks_as_browsers_send_them_are_taken():
    assert parse_payload(SignalKind.SCROLL, {"depth": 1}).model_dump() == {"depth": 1.0}
    assert parse_payload(SignalKind.RATE, {"value": 4}).model_dump()["value"] == 4
    assert parse_payload(SignalKind.LIKE, {"on": False}).model_dump() == {"on": False}
    ranked = {"order": [[A_RESPONSE], [str(uuid4()), str(uuid4())]]}
    assert parse_payload(SignalKind.RANK, ranked).model_dump(mode="json") == ranked


@pytest.mark.parametrize("name", ["at_ms", "page_opened_ms"])
@pytest.mark.parametrize("wrong", ["true", '"1"', "1.5", "-1", "null"])
def test_a_signals_times_are_whole_numbers(name: str, wrong: str):
    signal = Signal(
        kind=SignalKind.SHARE,
        query_id=uuid4(),
        response_id=uuid4(),
        at_ms=77,
        page_id=uuid4(),
        page_opened_ms=77,
    )
    sent = signal.model_dump_json()
    assert Signal.model_validate_json(sent) == signal
    with pytest.raises(ValidationError, match=name):
        Signal.model_validate_json(sent.replace(f'"{name}":77', f'"{name}":{wrong}'))


def test_a_vote_for_the_best_names_it_and_no_other_does():
    assert Vote(choice=VoteChoice.BEST, best=uuid4()).best
    with pytest.raises(ValidationError, match="must name it"):
        Vote(choice=VoteChoice.BEST)
    for choice in set(VoteChoice) - {VoteChoice.BEST}:
        assert Vote(choice=choice).best is None
        with pytest.raises(ValidationError, match="only with choice = best"):
            Vote(choice=choice, best=uuid4())


def test_a_validation_error_is_a_sentence_without_what_was_written():
    with pytest.raises(ValidationError) as refused:
        Query.model_validate({"person_id": "secret", "text": "", "source": "secret"})
    told = describe(refused.value)
    assert "secret" not in told
    assert told.startswith("person_id: ")
    assert "text: string should have at least 1 character" in told


@given(st.dictionaries(words, st.integers() | words, max_size=4))
def test_describing_any_error_repeats_no_value(wrong: dict[str, Any]):
    with pytest.raises(ValidationError) as refused:
        Triplet.model_validate({"query": 7_777_777, **wrong, "surprise": "a secret"})
    assert "7777777" not in describe(refused.value)
    assert "a secret" not in describe(refused.value)


def test_every_arm_has_a_name_for_people():
    labels = [arm.label for arm in every_arm()]
    assert {"SFT", "RLHF", "RLHF+RLHB", "RLHF+RLHBC", "SFT on preferred"} <= set(labels)
    assert len(set(labels)) == len(labels)


def test_ids_are_made_and_times_are_now():
    first, second = Person(), Person()
    assert isinstance(first.id, UUID)
    assert first.id != second.id
    assert abs(first.created_ms - now_ms()) < 5_000


def test_thousands_of_fields_are_refused_without_naming_each():
    with pytest.raises(BadRecord, match="5800 fields, at most 16"):
        parse_payload(SignalKind.LIKE, {f"x{number}": number for number in range(5_800)})
