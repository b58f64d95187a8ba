"""The Data page's counts add up, on a store with every kind of query, vote and answer."""

import re
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from app.files import (
    DataFilter,
    amounts,
    compared,
    comparison_lines,
    import_file,
    start_of,
    taken,
    triplet_lines,
)
from app.store import Store, behaviors, people, responses, signals, summary
from app.store.summary import Counts
from app.ui import counts
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Outcome, Person, Query, Response, Source
from rlhb_core.schema.signals import Signal
from tests.scene import OPENED_MS, act, asked, best, someone

EARLIER_MS = start_of(date(2025, 1, 2))


@pytest.fixture
def lived(store: Store) -> Store:
    """One query of each kind by one person, and some by people who paused or are left out."""
    with store.writing() as connection:
        person = someone(connection)

        def ask(text: str, *answers: str, at_ms: int = OPENED_MS) -> tuple[Query, list[Response]]:
            return asked(connection, person, text, answers or ("One.", "Two.", "Three."), at_ms)

        def do(*acts: Signal, who: Person = person) -> None:
            signals.record(connection, who.id, acts)

        query, (a, *_) = ask("voted")
        do(best(query, a))
        query, (a, b, _) = ask("voted three times")
        do(
            best(query, a, 1_000),
            act("vote", query, None, 2_000, choice="tie"),
            best(query, b, 3_000),
        )
        query, _ = ask("skipped")
        do(act("vote", query, choice="skip"))
        query, (a, *_) = ask("taken back")
        do(best(query, a, 1_000), act("vote", query, None, 2_000, choice="withdrawn"))
        query, (a, b, _) = ask("changed with the names in view")
        do(best(query, a, 1_000))
        later = act("vote", query, None, 2_000, choice="withdrawn")
        anew = best(query, b, 3_000)
        for vote in (later, anew):
            do(vote.model_copy(update={"unblinded": True}))
        ask("no vote")
        query, (a, *_) = ask("all the same", "One.", "One.", "One.")
        do(best(query, a))
        query, (a, b, _) = ask("two failed")
        for answer in (a, b):
            responses.finish(
                connection,
                answer.model_copy(update={"outcome": Outcome.ERROR, "text": "", "error": "x"}),
            )
        do(act("vote", query, choice="all_bad"))
        query, (a, *_) = ask("long ago", at_ms=EARLIER_MS - 1)
        do(best(query, a))
        ask("cut", "One.", "Two.", "")
        paused = someone(connection, recording=False)
        query, (a, *_) = asked(connection, paused, "paused")
        do(best(query, a), who=paused)
        out = someone(connection)
        query, (a, *_) = asked(connection, out, "left out")
        do(best(query, a), who=out)
        people.set_excluded(connection, out.id, True)
        robot = someone(connection, Source.SIMULATED)
        query, (a, *_) = asked(connection, robot, "simulated")
        do(best(query, a), who=robot)
    behaviors.refresh(store)
    return store


def counted(store: Store) -> Counts:
    with store.reading() as connection:
        return summary.by_source(connection)[Source.REAL]


def test_every_query_vote_and_answer_is_counted_in_one_place(lived: Store):
    found = counted(lived)
    assert found.query_states == {
        "voted": 6,
        "void": 1,
        "skipped": 1,
        "withdrawn": 1,
        "unblinded": 1,
        "unvoted": 2,
    }
    assert found.queries == sum(found.query_states.values()) == 12
    assert found.vote_states == {
        "counts": 6,
        "given": 0,
        "void": 1,
        "skipped": 1,
        "unblinded": 1,
        "replaced": 4,
    }
    assert found.votes == sum(found.vote_states.values()) == 13
    assert found.outcomes == {Outcome.OK: 34, Outcome.ERROR: 2}
    assert found.responses == 36
    assert found.people == 3


def test_how_much_better_is_no_second_vote(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, *_) = asked(connection, person, "how much")
        first, more, other = best(query, a), best(query, a), best(query, b)
        more.payload["strength"] = 2
        votes = [
            vote.model_copy(update={"at_ms": vote.at_ms + number})
            for number, vote in enumerate((first, more, other))
        ]
        signals.record(connection, person.id, votes)
    behaviors.refresh(store)
    found = counted(store)
    assert found.vote_states["counts"] == 1
    assert found.vote_states["replaced"] == 1  # the choice of the other, not the word on how much
    assert found.votes == 2


def test_names_seen_and_votes_for_what_failed_are_told_apart(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person, "only with names in view")
        signals.record(
            connection, person.id, [best(query, a).model_copy(update={"unblinded": True})]
        )
        query, (a, *_) = asked(connection, person, "for one that then failed")
        pending = a.model_copy(update={"outcome": Outcome.PENDING, "text": ""})
        responses.finish(connection, pending)
        signals.record(connection, person.id, [best(query, a)])
        responses.finish(connection, pending.model_copy(update={"outcome": Outcome.ERROR}))
    behaviors.refresh(store)
    found = counted(store)
    assert (found.query_states["unblinded"], found.query_states["void"]) == (1, 1)
    assert (found.vote_states["unblinded"], found.vote_states["void"]) == (1, 1)
    assert (found.queries, found.votes) == (2, 2)


def lines(blocks) -> int:
    return b"".join(blocks).count(b"\n")


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"since_ms": EARLIER_MS},
        {"with_excluded": True},
        {"with_unblinded": True},
        {"arms": {Arm.RLHB}},
        {"arms": {Arm.SFT, Arm.RLHF}, "since_ms": EARLIER_MS, "with_excluded": True},
        {"sources": set(Source)},
        {"since_ms": now_ms()},
    ],
)
def test_what_a_filter_takes_and_leaves_is_all_there_is(lived: Store, chosen):
    found = DataFilter.model_validate(chosen)
    told, amount = taken(lived, found), amounts(lived, found)
    assert told.triplets == amount.triplets == lines(triplet_lines(lived, found))
    assert compared(lived, found) == lines(comparison_lines(lived, found))
    assert told.responses == told.triplets + sum(told.left_out.values())
    with lived.reading() as connection:
        by_source = summary.by_source(connection)
    assert told.responses == sum(by_source[source].responses for source in found.sources)


def test_the_default_filter_leaves_out_for_these_reasons(lived: Store):
    since = DataFilter(since_ms=EARLIER_MS)
    told = taken(lived, since)
    assert (told.responses, told.triplets) == (36, 27)
    assert told.left_out == {"earlier": 3, "excluded people": 3, "paused": 3}
    amount = amounts(lived, since)
    # of the 6 that count: not the one of long ago, nor the one of the person left out
    assert amount.votes == counted(lived).query_states["voted"] - 2
    assert compared(lived, since) == amount.votes - 1, "one is among answers that are all the same"


def test_the_words_add_up_too(lived: Store):
    found = counted(lived)
    page = counts.numbers(found)
    numbers = re.findall(r"<dt>(\w+)</dt><dd>([\d,]+)</dd>", page)
    assert numbers == [
        ("queries", "12"), ("answers", "36"), ("signals", str(found.signals)), ("votes", "6"), ("people", "3"),
    ]  # fmt: skip
    explained = re.findall(r"<li>(.*?)</li>", page)
    assert explained == [
        "12 queries: 6 with a vote that counts, 1 with a vote that tells nothing (no two different answers), "
        "1 skipped, 1 with the vote taken back, 1 voted on with names in view, 2 without a vote.",
        "13 votes cast: 6 count, 1 tell nothing (no two different answers), 1 skipped the comparison, "
        "1 were cast with names in view, 4 were changed or taken back later.",
        "36 answers: 34 complete, 2 failed.",
    ]
    chosen = DataFilter()
    votes = amounts(lived, chosen).votes
    rest = counts.left_out(taken(lived, chosen), votes, compared(lived, chosen))
    for sentence in [*explained, *re.findall(r"<li>(.*?)</li>", rest)]:
        total, *parts = map(int, re.findall(r"(?<![\w])\d+", sentence))
        assert total == sum(parts), sentence
    assert "3 of people who are marked as excluded" in rest
    assert "5 votes: 4 give a comparison, 1 among fewer than two different answers" in rest
    assert (
        counts.left_out(taken(lived, DataFilter(sources=frozenset({Source.SIMULATED}))), 1, 1) == ""
    )


def test_votes_that_were_read_from_a_file_are_counted_as_such(lived: Store, tmp_path: Path):
    file = tmp_path / "triplets.jsonl"
    file.write_bytes(b"".join(triplet_lines(lived, DataFilter())))
    with closing(Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")) as other:
        import_file(other, file)
        behaviors.refresh(other)
        with other.reading() as connection:
            found = summary.by_source(connection)[Source.IMPORTED]
    assert found.vote_states["given"] == found.query_states["voted"] == found.votes > 0
    assert (
        f"{found.votes} votes cast: {found.votes} count and were read from a file"
        in counts.numbers(found)
    )
