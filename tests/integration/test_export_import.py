"""What goes out comes back in; what trainers read is what people did. On SQLite and Postgres."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from hypothesis import strategies as st
from pydantic import ValidationError

from app.files import (
    EXPORTS,
    DataFilter,
    Mapping,
    amounts,
    comparison_lines,
    completion_lines,
    import_csv,
    import_file,
    import_jsonl,
    label_lines,
    load_mapping,
    preference_lines,
    triplet_items,
    triplet_lines,
    write_lines,
)
from app.store import Store, behaviors, people, responses, signals, summary, verify, versions
from rlhb_core.errors import BadConfig, BadRecord
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import Comparison, Outcome, Response, Source, Triplet
from tests.scene import OPENED_MS, act, asked, best, someone, version

EVERYTHING = DataFilter(sources=frozenset(Source), with_people=True)


def lines_of(blocks: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(blocks).splitlines()]


def triplets_of(store: Store, chosen: DataFilter = EVERYTHING) -> list[Triplet]:
    blocks = b"".join(triplet_lines(store, chosen))
    return [Triplet.model_validate_json(line) for line in blocks.splitlines()]


def comparisons_of(store: Store, chosen: DataFilter = EVERYTHING) -> list[Comparison]:
    blocks = b"".join(comparison_lines(store, chosen))
    return [Comparison.model_validate_json(line) for line in blocks.splitlines()]


# --- triplets -------------------------------------------------------------------------------------


def test_a_triplet_says_what_was_asked_answered_and_done(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, _) = asked(connection, person)
        acts = [act("like", query, b), act("copy", query, b, chars=9), best(query, b)]
        signals.record(connection, person.id, acts)
    found = {each.response_id: each for each in triplets_of(store)}
    assert len(found) == 3
    triplet = found[b.id]
    assert triplet.query == query.text
    assert triplet.response == b.text
    assert triplet.behavior_text == "The reader liked it, copied it and chose it as the best."
    assert (triplet.arm, triplet.model_version) == (Arm.RLHF, "RLHF")
    assert (triplet.position, triplet.draw_probability) == (1, 0.5)
    assert triplet.person == str(person.id)
    assert triplet.asked_at == "2025-10-09T08:53:20Z"
    assert triplet.answered_at == "2025-10-09T08:53:20.901000Z"
    assert found[a.id].behavior_text == "The reader chose another answer."
    assert [each.person for each in triplets_of(store, DataFilter())] == [None] * 3


def test_the_line_is_the_record_field_by_field(store: Store):
    with store.writing() as connection:
        asked(connection, someone(connection))
    for line in b"".join(triplet_lines(store, EVERYTHING)).splitlines():
        assert list(json.loads(line)) == list(Triplet.model_fields)
        assert json.loads(line) == json.loads(Triplet.model_validate_json(line).model_dump_json())


def test_failures_are_exported_with_their_outcome_and_pending_ones_are_not(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, _ = asked(connection, person, answers=("fine",))
        for place, outcome in enumerate([Outcome.ERROR, Outcome.EMPTY, Outcome.PENDING], start=1):
            drawn = Response(
                query_id=query.id,
                version_id=version(connection).id,
                position=place,
                draw_probability=1,
                outcome=outcome,
            )
            responses.add(connection, drawn)
    assert {each.outcome for each in triplets_of(store)} == {"ok", "error", "empty"}


def test_filters_let_through_what_they_say(store: Store):
    with store.writing() as connection:
        person, robot = someone(connection), someone(connection, Source.SIMULATED)
        asked(connection, person, "old", at_ms=OPENED_MS)
        asked(connection, person, "new", at_ms=OPENED_MS + 1_000)
        asked(connection, robot, "simulated", at_ms=OPENED_MS + 2_000)
        outcast = someone(connection)
        asked(connection, outcast, "by an excluded person", at_ms=OPENED_MS + 3_000)
        people.set_excluded(connection, outcast.id, True)

    def queries(**chosen: Any) -> list[str]:
        return sorted({each.query for each in triplets_of(store, DataFilter(**chosen))})

    assert queries() == ["new", "old"]
    assert queries(with_excluded=True) == ["by an excluded person", "new", "old"]
    assert queries(sources={"simulated"}) == ["simulated"]
    assert queries(since_ms=OPENED_MS + 1_000) == ["new"]
    arms = {each.arm for each in triplets_of(store, DataFilter(arms=frozenset({Arm.RLHB})))}
    assert arms == {Arm.RLHB}
    named = triplets_of(store, DataFilter(versions=frozenset({"SFT", "RLHF"})))
    assert {each.model_version for each in named} == {"SFT", "RLHF"}
    found = amounts(store, DataFilter(sources=frozenset({Source.REAL, Source.SIMULATED})))
    assert (found.triplets, found.votes, found.people) == (9, 0, 2)


def test_a_filter_tells_itself_in_words():
    assert DataFilter().words() == "real data"
    chosen = DataFilter(
        sources=frozenset({Source.REAL, Source.SIMULATED}),
        since_ms=OPENED_MS,
        arms=frozenset({Arm.RLHB, Arm.SFT}),
        versions=frozenset({"RLHB v1"}),
        with_excluded=True,
    )
    assert chosen.words() == (
        "real and simulated data since 9 October 2025, answers by RLHB and SFT, "
        "versions RLHB v1, excluded people taken in"
    )
    many = DataFilter(versions=frozenset(f"a version with a long name {n}" for n in range(50)))
    assert len(many.words()) == 400


def test_what_was_read_while_paused_is_no_triplet_but_its_vote_is_a_comparison(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        people.set_recording(connection, person.id, False)
        query, (a, *_) = asked(connection, person)
        signals.record(connection, person.id, [best(query, a)])
    assert triplets_of(store) == []
    assert len(comparisons_of(store)) == 1


def test_a_long_export_is_one_moment_and_blocks_nobody(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        for n in range(40):
            asked(connection, person, f"query {n}", at_ms=OPENED_MS + n)
    blocks = triplet_lines(store, EVERYTHING)
    first = next(blocks)
    with store.writing() as connection:
        people.erase(connection, person.id)
    assert (first + b"".join(blocks)).count(b"\n") == 120


# --- comparisons, preferences, labels -------------------------------------------------------------


def test_the_last_vote_counts_and_skips_say_nothing(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        chosen, (a, b, _) = asked(connection, person, "chosen")
        signals.record(connection, person.id, [best(chosen, a, 1_000), best(chosen, b, 2_000)])
        for number, choice in enumerate(("tie", "all_bad", "skip", "withdrawn"), start=1):
            query, _ = asked(connection, person, choice, at_ms=OPENED_MS + number)
            before = [act("vote", query, None, 50_000, choice="tie")] * (choice == "withdrawn")
            voted = act("vote", query, choice=choice, early=True)
            signals.record(connection, person.id, [*before, voted])
    found = comparisons_of(store)
    assert [(each.query, each.choice, each.best, each.early) for each in found] == [
        ("chosen", VoteChoice.BEST, 1, False),
        ("tie", VoteChoice.TIE, None, True),
        ("all_bad", VoteChoice.ALL_BAD, None, True),
    ]
    assert found[0].responses == [
        "Two.",
        "Mars has two moons, Phobos and Deimos.",
        "None.",
    ]
    assert found[0].model_versions == ["SFT", "RLHF", "RLHB"]
    assert found[0].voted_at == "2025-10-09T08:53:22Z"
    assert found[0].person == str(person.id)


def test_many_comparisons_come_each_once_and_in_order(store: Store, monkeypatch):
    monkeypatch.setattr("app.store.exports.QUERIES_PER_BLOCK", 3)
    with store.writing() as connection:
        person = someone(connection)
        for n in range(10):
            query, answers = asked(connection, person, f"{n}", at_ms=OPENED_MS + n)
            signals.record(connection, person.id, [best(query, answers[n % 3])])
    assert [(each.query, each.best) for each in comparisons_of(store)] == [
        (str(n), n % 3) for n in range(10)
    ]


def regenerated(connection, old: Response, text: str) -> Response:
    new = Response(
        query_id=old.query_id,
        version_id=old.version_id,
        position=old.position,
        draw_probability=1,
        text=text,
        outcome=Outcome.OK,
        replaces=old.id,
        created_ms=old.created_ms + 500,
    )
    return responses.add(connection, new)


def test_of_an_answer_and_its_regeneration_one_was_compared(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        first, (a, b, c) = asked(connection, person, "new chosen")
        new = regenerated(connection, a, "again")
        second, (d, e, f) = asked(connection, person, "old chosen", at_ms=OPENED_MS + 1)
        regenerated(connection, d, "again")
        third, (g, h, i) = asked(connection, person, "other chosen", at_ms=OPENED_MS + 2)
        regenerated(connection, g, "again")
        votes = [best(first, new), best(second, d), best(third, h)]
        signals.record(connection, person.id, votes)
    found = comparisons_of(store)
    assert [each.responses for each in found] == [
        ["again", b.text, c.text],
        [d.text, e.text, f.text],
        ["again", h.text, i.text],
    ]
    assert [each.best for each in found] == [0, 0, 1]


def test_answers_that_failed_are_not_compared(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, c) = asked(connection, person)
        responses.finish(connection, c.model_copy(update={"outcome": Outcome.ERROR, "text": ""}))
        signals.record(connection, person.id, [best(query, a)])
        alone, (d, e) = asked(connection, person, answers=("one", "two"), at_ms=OPENED_MS + 1)
        responses.finish(connection, e.model_copy(update={"outcome": Outcome.STOPPED, "text": ""}))
        signals.record(connection, person.id, [best(alone, d)])
    (found,) = comparisons_of(store)
    assert found.responses == [a.text, b.text]


def test_preferences_and_labels_as_trl_loads_them(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, c) = asked(connection, person)
        acts = [act("like", query, a), best(query, b), act("dislike", query, c)]
        signals.record(connection, person.id, acts)
        tied, _ = asked(connection, person, "a tie", at_ms=OPENED_MS + 1)
        signals.record(connection, person.id, [act("vote", tied, choice="tie")])

    def says(role: str, text: str) -> list[dict[str, str]]:
        return [{"role": role, "content": text}]

    prompt = says("user", query.text)
    assert lines_of(preference_lines(store, DataFilter())) == [
        {
            "prompt": prompt,
            "chosen": says("assistant", b.text),
            "rejected": says("assistant", other.text),
            "from": "vote",
        }
        for other in (a, c)
    ]
    labelled = {
        line["completion"][0]["content"]: (line["prompt"], line["label"])
        for line in lines_of(label_lines(store, DataFilter()))
    }
    assert labelled == {a.text: (prompt, True), c.text: (prompt, False)}, "a vote is no label"
    assert lines_of(completion_lines(store, DataFilter())) == [
        {"prompt": prompt, "completion": says("assistant", b.text), "from": "vote"}
    ]


def test_that_all_answers_are_bad_is_said_of_each(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, _ = asked(connection, person)
        signals.record(connection, person.id, [act("vote", query, choice="all_bad")])
    assert [line["label"] for line in lines_of(label_lines(store, DataFilter()))] == [False] * 3


def test_a_preference_says_how_strong_it_is_and_a_ranking_what_its_pairs_weigh(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (_, b, _) = asked(connection, person)
        much = act("vote", query, choice="best", best=str(b.id), strength=3)
        ranked, others = asked(connection, person, "Ranked?", at_ms=OPENED_MS + 1)
        order = [[str(each.id)] for each in others]
        tied, (d, e, f) = asked(connection, person, "Tied?", at_ms=OPENED_MS + 2)
        pair = act("rank", tied, order=[[str(d.id), str(e.id)], [str(f.id)]])
        signals.record(connection, person.id, [much, act("rank", ranked, order=order), pair])
    lines = lines_of(preference_lines(store, DataFilter()))
    told = [(line["from"], line.get("strength"), line.get("weight")) for line in lines]
    assert (
        told
        == [("vote", 3, None)] * 2 + [("rank", None, 0.666667)] * 3 + [("rank", None, None)] * 2
    ), "three pairs weigh two, as a vote among the three does"


def test_what_a_reader_corrected_is_not_to_be_imitated_and_the_correction_is(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, c) = asked(connection, person)
        order = [[str(a.id), str(b.id)], [str(c.id)]]
        acts = [
            act("rank", query, order=order),
            act("edit", query, a, text="Two: Phobos and Deimos."),
            act("edit", query, c, text=f" {c.text}"),
            act("edit", query, b, text="Taken back."),
            act("edit", query, b, after_ms=60_001, text="Taken back.", on=False),
        ]
        signals.record(connection, person.id, acts)
    lines = lines_of(completion_lines(store, DataFilter()))
    assert [(line["completion"][0]["content"], line["from"]) for line in lines] == [
        (b.text, "rank"),
        ("Two: Phobos and Deimos.", "edit"),
    ]


# --- and back in ----------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    yield opened
    opened.close()


def lived_in(store: Store) -> None:
    """Some people, some queries, every kind of vote."""
    with store.writing() as connection:
        for source in (Source.REAL, Source.SIMULATED):
            person = someone(connection, source)
            for number in range(4):
                query, (a, b, _) = asked(
                    connection, person, f"Größe {number}? 🌍", at_ms=OPENED_MS + number
                )
                much = act("vote", query, choice="best", best=str(b.id), strength=3)
                choice = [best(query, a), much, act("vote", query, choice="tie")]
                acts = [
                    act("dwell", query, a, ms=500 * (number + 1)),
                    act("like", query, b),
                    act("rate", query, a, value=4.5),
                ]
                signals.record(connection, person.id, acts + choice[number : number + 1])


def test_what_is_exported_comes_back_the_same(store: Store, other: Store):
    lived_in(store)
    sent = b"".join(triplet_lines(store, EVERYTHING)).splitlines()
    result = import_jsonl(other, sent)
    assert (result.imported, result.skipped, result.errors) == (24, 0, [])
    expected = [json.loads(line) for line in sent]
    for line in expected:
        line["source"] = {"real": "imported"}.get(line["source"], line["source"])

    def key(line: dict[str, Any]) -> str:
        return str(line["response_id"])

    back = lines_of(triplet_lines(other, EVERYTHING))
    assert sorted(back, key=key) == sorted(expected, key=key)
    assert verify(other) == []
    again = import_jsonl(other, sent)
    assert (again.imported, again.skipped, again.errors) == (0, 24, [])
    assert lines_of(triplet_lines(other, EVERYTHING)) == back


def test_votes_come_back_with_the_triplets(store: Store, other: Store):
    lived_in(store)
    import_jsonl(other, b"".join(triplet_lines(store, EVERYTHING)).splitlines())
    keep = {"query_id", "query", "choice", "strength", "person", "model_versions"}
    before = {str(each.query_id): each.model_dump(include=keep) for each in comparisons_of(store)}
    after = {str(each.query_id): each.model_dump(include=keep) for each in comparisons_of(other)}
    assert len(after) == 6
    assert after == before
    assert sorted(each.strength or 0 for each in comparisons_of(other)) == [0, 0, 0, 0, 3, 3]


def test_an_import_into_its_own_store_changes_nothing(store: Store):
    lived_in(store)
    sent = b"".join(triplet_lines(store, EVERYTHING)).splitlines()
    result = import_jsonl(store, sent)
    assert (result.imported, result.skipped, result.errors) == (0, 24, [])
    assert b"".join(triplet_lines(store, EVERYTHING)).splitlines() == sent


def test_imported_behaviours_outlive_a_new_version_of_the_rules(
    store: Store, other: Store, monkeypatch
):
    lived_in(store)
    import_jsonl(other, b"".join(triplet_lines(store, EVERYTHING)).splitlines())
    before = lines_of(triplet_lines(other, EVERYTHING))
    monkeypatch.setattr(behaviors, "VERBALISER_VERSION", 99)
    assert lines_of(triplet_lines(other, EVERYTHING)) == before


def test_lines_that_name_nobody_stay_without_a_name(store: Store, other: Store):
    lived_in(store)
    chosen = DataFilter(sources=frozenset(Source))
    import_jsonl(other, b"".join(triplet_lines(store, chosen)).splitlines())
    assert {line["person"] for line in lines_of(triplet_lines(other, EVERYTHING))} == {None}


def test_imported_versions_cannot_be_served_and_do_not_take_names(store: Store, other: Store):
    lived_in(store)
    import_jsonl(other, b"".join(triplet_lines(store, EVERYTHING)).splitlines())
    with other.writing() as connection:
        assert versions.all(connection) == []
        assert versions.by_name(connection, "SFT") is None
        assert version(connection, "SFT").name == "SFT"
        assert sorted(versions.names(connection).values()) == ["RLHB", "RLHF", "SFT", "SFT"]


def line(**changed: Any) -> bytes:
    triplet = {
        "schema_version": 1,
        "verbaliser_version": 1,
        "query_id": str(uuid4()),
        "response_id": str(uuid4()),
        "query": "Why?",
        "response": "Because.",
        "behavior_text": "The reader liked it.",
        "behavior_features": {"liked": True},
        "source": "real",
        "asked_at": "2026-01-02T03:04:05Z",
        "answered_at": "2026-01-02T03:04:06.5+00:00",
    }
    return json.dumps(triplet | changed).encode()


def test_bad_lines_are_named_and_do_not_stop_the_rest(store: Store):
    query_id = str(uuid4())
    lines = [
        line(),
        b"{not json",
        b"",
        line(behavior_text="The reader danced."),
        line(asked_at="yesterday"),
        line(outcome="pending"),
        line(schema_version=3),
        line(surprise=1),
        line(behavior_features={"dwell_ms": -1}),
        line(query_id=query_id, query="Why?"),
        line(query_id=query_id, query="How?"),
        line(query_id=query_id, query="Why?"),
        line(position=99),
        line(response="\ud83c\udf0d"),
        b"\xff\xfe",
        line(model_version="x" * 81),
    ]
    result = import_jsonl(store, lines)
    assert result.imported == 4
    assert {error.number for error in result.errors} == {2, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16}
    told = {error.number: error.message for error in result.errors}
    assert "danced" in told[4]
    assert "ISO 8601" in told[5]
    assert "newer" in told[7]
    assert "surprise" in told[8]
    assert "dwell_ms" in told[9]
    assert "already taken" in told[11]
    assert str(result.errors[0]).startswith("line 2: ")
    assert verify(store) == []
    assert len(triplets_of(store)) == 4


def test_absurd_times_are_refused(store: Store):
    lines = [
        line(answered_at="9999-12-31T23:59:59.999Z"),
        line(asked_at="2101-01-01T00:00:00Z"),
        line(asked_at="1969-12-31T23:59:59Z"),
        line(asked_at="0001-01-01T00:00:00+14:00"),
        line(),
    ]
    result = import_jsonl(store, lines)
    assert result.imported == 1
    assert [error.message for error in result.errors] == [
        "answered_at: lies after the year 2100",
        "asked_at: lies after the year 2100",
        "asked_at: lies before 1970",
        "asked_at: lies before 1970",
    ]
    assert len(triplets_of(store)) == 1


def test_a_time_that_no_calendar_holds_breaks_no_export(store: Store):
    """As it was taken before times had bounds: the last millisecond of 9999 and an answer that took a while."""
    absurd = 253_402_300_799_999
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person, at_ms=absurd)
        acts = [best(query, a), act("like", query, a)]
        signals.record(connection, person.id, acts, received_ms=absurd + 60_000)
    for kind, export in EXPORTS.items():
        assert lines_of(export(store, EVERYTHING)), kind
    told = triplets_of(store)
    assert {each.answered_at for each in told} == {"1970-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"position": 2**70},
        {"position": True},
        {"position": "1"},
        {"draw_probability": "0.5"},
        {"verbaliser_version": 2**70},
        {"verbaliser_version": 2**31},
        {"verbaliser_version": -1},
        {"schema_version": 2**70},
        {"schema_version": -1},
        {"behavior_features": {"dwell_ms": 2**70}},
        {"behavior_features": {"dwell_ms": True}},
        {"behavior_features": {"liked": "yes"}},
        {"behavior_features": {"rating": "5"}},
        {"response": "x" * 200_001},
        {"query": "x" * 20_001},
        {"query": ""},
        {"source": "hearsay"},
    ],
)
def test_what_no_record_holds_is_named_and_the_rest_goes_on(sqlite_store: Store, wrong):
    result = import_jsonl(sqlite_store, [line(), line(**wrong), line()])
    assert (result.imported, [error.number for error in result.errors]) == (2, [2])
    assert verify(sqlite_store) == []


def test_what_the_database_cannot_hold_costs_no_other_line(store: Store, monkeypatch):
    """Were a bound of the records forgotten, the database's own would still cost that one line only."""

    def beyond(item: Any) -> Any:
        made = as_item(item)
        if item.query == "beyond":
            made.query.created_ms = 2**70
        return made

    as_item = triplet_items._item
    monkeypatch.setattr(triplet_items, "_item", beyond)
    lines = [line(query="beyond" if number in (0, 3, 8) else "Why?") for number in range(9)]
    result = import_jsonl(store, lines)
    assert result.imported == 6
    assert [error.number for error in result.errors] == [1, 4, 9]
    assert {error.message for error in result.errors} == {
        "the database cannot hold it: a number or a text in it is out of range"
    }
    assert len(triplets_of(store)) == 6


# --- what a file may be like ----------------------------------------------------------------------


def written(folder: Path, content: bytes, name: str = "file.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_mark_at_the_beginning_is_no_part_of_the_first_line(sqlite_store, tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbf" + line() + b"\r\n" + line())
    result = import_file(sqlite_store, path)
    assert (result.imported, result.errors, result.warnings) == (2, [], [])
    assert import_jsonl(sqlite_store, [b"\xef\xbb\xbf" + line()]).imported == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_another_encoding_is_told_and_taken_when_named(sqlite_store, tmp_path, encoding):
    content = "\n".join([line(query="Größe?").decode(), line(query="Où?").decode()])
    path = written(tmp_path, content.encode(encoding))
    with pytest.raises(BadRecord, match=f"seems to be {encoding.upper()}.*--encoding {encoding}"):
        import_file(sqlite_store, path)
    result = import_file(sqlite_store, path, encoding=encoding)
    assert (result.imported, result.errors) == (2, [])
    assert {each.query for each in triplets_of(sqlite_store)} == {"Größe?", "Où?"}


def test_lines_in_latin_1_are_named_and_taken_when_the_encoding_is(sqlite_store, tmp_path):
    lines = [
        json.dumps(json.loads(line(query=query)), ensure_ascii=False)
        for query in ("Why?", "Größe?", "Où?")
    ]
    path = written(tmp_path, "\n".join(lines).encode("latin-1"))
    result = import_file(sqlite_store, path)
    assert (result.imported, [error.number for error in result.errors]) == (1, [2, 3])
    assert result.warnings == [
        "2 lines are not readable; the file seems to be Latin-1: import it again with "
        "rlhb import --encoding latin-1, what is known already is skipped"
    ]
    again = import_file(sqlite_store, path, encoding="latin-1")
    assert (again.imported, again.skipped, again.errors) == (2, 1, [])


def test_an_import_says_what_it_took_and_an_empty_file_that_it_is_empty(sqlite_store, tmp_path):
    one = import_file(sqlite_store, written(tmp_path, line() + b"\nnothing\n"))
    assert one.words() == "1 response imported, 0 known already, 1 line not taken"
    empty = import_file(sqlite_store, written(tmp_path, b""))
    assert empty.words() == "There is nothing in this file to import"


def test_one_damaged_line_of_utf_8_is_no_other_encoding(sqlite_store, tmp_path):
    good = json.dumps(json.loads(line(query="Größe?")), ensure_ascii=False).encode()
    result = import_file(sqlite_store, written(tmp_path, good + b"\n\xff\xff\n"))
    assert result.imported == 1
    assert "the rest of the file is UTF-8" in result.warnings[0]


@pytest.mark.parametrize("encoding", ["klingon", "base64", "rot13", "\0"])
def test_an_encoding_that_is_none_is_refused(sqlite_store, tmp_path, encoding):
    with pytest.raises(BadRecord, match="no text encoding"):
        import_file(sqlite_store, written(tmp_path, line()), encoding=encoding)


def test_a_line_without_an_end_costs_itself_only(sqlite_store, tmp_path, monkeypatch):
    monkeypatch.setattr("app.files.text_lines.MAX_LINE", 2_000)
    path = written(tmp_path, line() + b"\n" + b"x" * 9_000 + b"\n" + line())
    result = import_file(sqlite_store, path)
    assert (result.imported, [error.number for error in result.errors]) == (2, [2])


JUNK = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            b"\x00",
            b"\xff\xfe{\x00",
            b"[" * 20_000,
            b'{"a":' * 20_000,
            b'{"query": "\\ud800"}',
            b'"',
            b"null",
            b"1e999",
            b"\r",
            b"\xed\xa0\x80",
            "\u2028\x85\x0b\x0c".encode(),
            line(asked_at="9" * 5_000),
            line(person="\x00"),
            line(query_id="not one"),
        ]
    ),
)


@hypothesis.given(
    junk=st.lists(JUNK, max_size=6),
    places=st.lists(st.integers(0, 5), min_size=6, max_size=6),
    end=st.sampled_from([b"\n", b"\r\n"]),
    closed=st.booleans(),
)
@hypothesis.settings(max_examples=60, suppress_health_check=list(hypothesis.HealthCheck))
def test_whatever_stands_between_them_all_good_lines_arrive(
    sqlite_store: Store, tmp_path: Path, junk, places, end, closed
):
    good = [line() for _ in range(6)]
    lines: list[bytes] = [good[0]]
    for number, one in enumerate(good[1:]):
        lines += [
            each.replace(b"\n", b"") for each, at in zip(junk, places, strict=False) if at == number
        ]
        lines.append(one)
    path = written(tmp_path, end.join(lines) + (end if closed else b""))
    import_file(sqlite_store, path)
    again = import_jsonl(sqlite_store, good)
    assert (again.imported, again.skipped) == (0, 6)


def test_one_id_twice_is_one_response(store: Store):
    twice = line()
    result = import_jsonl(store, [twice, twice, line(), twice])
    assert (result.imported, result.skipped, result.errors) == (2, 2, [])


def test_nobody_imports_in_the_name_of_someone_here(store: Store):
    with store.writing() as connection:
        person = someone(connection)
    result = import_jsonl(store, [line(person=str(person.id)), line(person="worker 7")])
    assert result.imported == 1
    assert "in whose name" in result.errors[0].message


def test_an_import_that_breaks_off_leaves_whole_chunks_only(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.files.importing.CHUNK", 5)

    def lines() -> Iterator[bytes]:
        for number in range(12):
            if number == 11:
                raise OSError("the disk went away")
            yield line()

    with pytest.raises(OSError, match="went away"):
        import_jsonl(store, lines())
    assert verify(store) == []
    with store.reading() as connection:
        assert summary.by_source(connection)[Source.IMPORTED].responses == 10


# --- CSV ------------------------------------------------------------------------------------------

MAPPING = {
    "name": "test",
    "query": "question",
    "query_id": "id",
    "person": "who",
    "time": "when",
    "excluded": "bad",
    "preference": "winner",
    "choices": {"left": 1, "right": 2, "same": "tie", "none": "all_bad"},
    "rating_range": [0, 10],
    "answers": [
        {"text": "a", "model": "model_a", "rating": "score_a", "dwell_ms": "read_a"},
        {"text": "b", "model": "model_b", "rating": "score_b", "read_depth": "depth_b"},
    ],
}
TOML = """
name = "test"
query = "question"
query_id = "id"
person = "who"
time = "when"
preference = "winner"
choices = { left = 1, right = 2 }
[[answers]]
text = "a"
[[answers]]
text = "b"
"""
HEAD = "id,who,when,question,a,model_a,score_a,read_a,b,model_b,score_b,depth_b,winner,bad\n"


def test_csv_rows_become_queries_answers_and_signals(store: Store):
    rows = [
        HEAD,
        '1,ann,2026-01-02 03:04:05,"Why, so?","Because\n',
        'of it",m1,10,4000,No reason,m2,0,0.5,left,0\n',
        "2,ann,2026-01-02 03:05:05,And then?,Nothing,m1,,,,,,,,0\n",
        "3,bob,2026-01-02 03:06:05,Who?,Me,m1,5,10,You,m2,5,1,same,1\n",
    ]
    result = import_csv(store, rows, Mapping.model_validate(MAPPING))
    assert (result.imported, result.errors) == (5, [])
    found = {each.response: each for each in triplets_of(store)}
    assert set(found) == {"Because\nof it", "No reason", "Nothing"}, "bob is excluded"
    best_one = found["Because\nof it"].behavior_features
    assert (best_one.rating, best_one.dwell_ms, best_one.vote) == (5, 4000, "won")
    other_one = found["No reason"].behavior_features
    assert (other_one.rating, other_one.read_depth, other_one.vote) == (1, 0.5, "lost")
    assert found["Nothing"].behavior_text == "The reader did nothing with it."
    assert found["Nothing"].asked_at == "2026-01-02T03:05:05Z"
    assert {each.source for each in found.values()} == {Source.IMPORTED}
    everyone = DataFilter(sources=frozenset(Source), with_excluded=True)
    assert [each.choice for each in comparisons_of(store, everyone)] == ["best", "tie"]
    again = import_csv(store, rows, Mapping.model_validate(MAPPING))
    assert (again.imported, again.skipped) == (0, 5)
    assert verify(store) == []


def row(number: int, **changed: str) -> str:
    cells = {
        "id": str(number), "who": "ann", "when": "2026-01-02 03:04:05", "question": "Why?", "a": f"a{number}",
        "model_a": "m1", "score_a": "5", "read_a": "0", "b": f"b{number}", "model_b": "m2", "score_b": "5",
        "depth_b": "0", "winner": "left", "bad": "0",
    }  # fmt: skip
    return ",".join((cells | changed).values()) + "\n"


def test_values_that_the_mapping_does_not_know_are_counted_and_named(store: Store):
    unknown = ["x", "x", "y", "", "n/a", "left"]
    rows = [row(number, winner=value) for number, value in enumerate(unknown)]
    rows += [row(10, bad="perhaps"), row(11, bad="No"), row(12, bad="TRUE")]
    meaning = Mapping.model_validate(MAPPING | {"no_preference": ["n/a"]})
    result = import_csv(store, [HEAD, *rows], meaning)
    assert (result.imported, result.errors) == (18, [])
    assert result.warnings == [
        "3 rows have a preference value in winner that the mapping does not know: 'x' (2), 'y' (1)",
        "1 row has an exclusion value in bad that the mapping does not know: 'perhaps' (1)",
    ]
    with store.reading() as connection:
        assert summary.by_source(connection)[Source.IMPORTED].votes == 4


def test_a_quotation_mark_that_is_never_closed_costs_its_own_line_only(store: Store):
    rows = [
        HEAD,
        row(1),
        '"2,ann,open\n',
        row(3),
        row(4, question='"Why, ""so""?"'),
        '5,ann,"open again\n',
        row(6, a='"two\nlines"'),
        row(7),
    ]
    split = "".join(rows).splitlines(keepends=True)
    result = import_csv(store, split, Mapping.model_validate(MAPPING))
    assert [error.number for error in result.errors] == [3, 6]
    assert all("not readable as CSV" in error.message for error in result.errors)
    found = {each.response for each in triplets_of(store)}
    assert found == {"a1", "b1", "a3", "b3", "a4", "b4", "two\nlines", "b6", "a7", "b7"}


@hypothesis.given(junk=st.lists(JUNK, max_size=5), closed=st.booleans())
@hypothesis.settings(max_examples=60, suppress_health_check=list(hypothesis.HealthCheck))
def test_whatever_stands_between_them_all_good_rows_arrive(
    sqlite_store: Store, tmp_path: Path, junk, closed
):
    good = [row(number).encode() for number in range(6)]
    parts = [HEAD.encode()]
    for number, one in enumerate(good):
        between = junk[number - 1].translate(None, b"\r\n") if 0 < number <= len(junk) else b""
        parts += [between + b"\n" if between else b"", one]
    content = b"".join(parts)
    path = written(tmp_path, content if closed else content[:-1], "rows.csv")
    mapping = written(tmp_path, b"", "rows.toml")
    mapping.write_text(TOML)
    import_file(sqlite_store, path, mapping)
    again = import_csv(sqlite_store, [HEAD, *map(bytes.decode, good)], load_mapping(mapping))
    assert (again.imported, again.skipped) == (0, 12)


def test_absurd_times_and_answers_of_a_row_are_refused(sqlite_store: Store):
    rows = [
        HEAD,
        row(1, when="9999-12-31 23:59:59"),
        row(2, when="1900-01-01 00:00:00"),
        row(3, score_a="1e400"),
        row(4, read_a=str(2**70)),
        row(5, a="x" * 200_001),
        row(6),
    ]
    result = import_csv(sqlite_store, rows, Mapping.model_validate(MAPPING))
    assert (result.imported, [error.number for error in result.errors]) == (2, [2, 3, 4, 5, 6])


def test_bad_lines_of_the_joined_file_are_told_and_do_not_stop_the_rest(store: Store, tmp_path):
    second = b'q,n,ms\n1,1,3000\n1\n1,1,9\n\xff,1,1\n2,1,"\n3,1,4000\n'
    written(tmp_path, second, "second.csv")
    plain = {k: v for k, v in MAPPING.items() if k != "answers"}
    meaning = plain | {
        "answers": [{"text": "a"}, {"text": "b"}],
        "joined": {"file": "second.csv", "query": "q", "answer": "n", "dwell_ms": "ms"},
    }
    rows = [HEAD, row(1), row(2), row(3)]
    result = import_csv(store, rows, Mapping.model_validate(meaning), tmp_path)
    assert (result.imported, result.errors) == (6, [])
    assert [warning.partition(":")[0] for warning in result.warnings] == [
        f"line {number} of second.csv" for number in (3, 4, 5, 6)
    ]
    read = {t.response: t.behavior_features.dwell_ms for t in triplets_of(store)}
    assert (read["a1"], read["a2"], read["a3"]) == (3000, None, 4000)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"rating_range": [5, 5]}, "must differ"),
        ({"rating_range": [float("nan"), 5]}, "rating_range"),
        ({"choices": {"x": True}}, "choices"),
        ({"choices": {"x": 0}}, "choices"),
    ],
)
def test_a_mapping_that_means_nothing_is_refused(wrong, says):
    with pytest.raises(ValidationError, match=says):
        Mapping.model_validate(MAPPING | wrong)


def test_bad_csv_rows_are_named_by_their_first_line(store: Store):
    rows = [
        HEAD,
        '1,ann,2026-01-02 03:04:05,Why?,"two\n',
        'lines",m1,5,0,b,m2,5,0,left,0\n',
        "2,ann,not a time,Why?,a,m1,5,0,b,m2,5,0,left,0\n",
        "3,ann,2026-01-02 03:04:05,Why?,a,m1,much,0,b,m2,5,0,left,0\n",
        "4,ann,2026-01-02 03:04:05,Why?,a,m1,11,0,b,m2,5,0,left,0\n",
        "5,ann,2026-01-02 03:04:05,Why?,,,,,,,,,,0\n",
        "6,ann,2026-01-02 03:04:05,,a,m1,5,0,b,m2,5,0,left,0\n",
        "7,ann,2026-01-02 03:04:05,too,few\n",
        "8,ann,2026-01-02 03:04:05,Why?,a,m1,5,nan,b,m2,5,0,left,0\n",
        "9,ann,2026-01-02 03:04:05,Why?,a,m1,5,0,b,m2,5,0,left,0\n",
    ]
    result = import_csv(store, rows, Mapping.model_validate(MAPPING))
    assert [error.number for error in result.errors] == [4, 5, 6, 7, 8, 9, 10]
    assert result.imported == 4
    assert verify(store) == []


def test_a_mapping_that_does_not_fit_is_refused_before_anything_is_stored(
    store: Store, tmp_path: Path
):
    with pytest.raises(BadConfig, match="no column"):
        import_csv(store, ["id,question\n"], Mapping.model_validate(MAPPING))
    joined = MAPPING | {"joined": {"file": "second.csv", "query": "q", "answer": "n"}}
    with pytest.raises(BadConfig, match=r"second\.csv"):
        import_csv(store, [HEAD], Mapping.model_validate(joined), tmp_path)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('name = "x"\nqeury = "q"\n')
    with pytest.raises(BadConfig, match="qeury"):
        load_mapping(wrong)
    wrong.write_text("name =")
    with pytest.raises(BadConfig, match="TOML"):
        load_mapping(wrong)
    table = tmp_path / "table.csv"
    table.write_text("a,b\n")
    with pytest.raises(BadRecord, match="--mapping"):
        import_file(store, table)


def test_every_export_writes_a_file_whole_or_not_at_all(sqlite_store: Store, tmp_path: Path):
    lived_in(sqlite_store)
    for name, export in EXPORTS.items():
        path = tmp_path / "out" / f"{name}.jsonl"
        count = write_lines(path, export(sqlite_store, EVERYTHING))
        assert count == len(path.read_text().splitlines()) > 0

    def broken() -> Iterator[bytes]:
        yield b"{}\n"
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write_lines(tmp_path / "broken.jsonl", broken())
    assert not (tmp_path / "broken.jsonl").exists()
