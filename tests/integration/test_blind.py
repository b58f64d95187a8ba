"""Blind means blind, equal answers are one, a failed answer wins nothing, edits and comments come along.

Stories of one person at the store, read back from every export. On SQLite and Postgres.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.files import (
    DataFilter,
    amounts,
    comparison_lines,
    import_jsonl,
    label_lines,
    preference_lines,
    triplet_lines,
)
from app.store import (
    BadSignals,
    Store,
    migrate,
    people,
    responses,
    signals,
    summary,
    verify,
)
from app.store.address import parse_url
from app.store.tables import QUERY
from rlhb_core.schema.records import Comparison, Outcome, Response, Source, Triplet
from rlhb_core.schema.signals import Signal
from tests.scene import OPENED_MS, act, asked, someone

BLIND = DataFilter(sources=frozenset(Source), with_people=True)
OPEN = BLIND.model_copy(update={"with_unblinded": True})


def lines_of(blocks: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(blocks).splitlines()]


def behaviors_of(store: Store, chosen: DataFilter = BLIND) -> dict[UUID, Triplet]:
    blocks = b"".join(triplet_lines(store, chosen))
    found = [Triplet.model_validate_json(line) for line in blocks.splitlines()]
    return {each.response_id: each for each in found}


def comparisons_of(store: Store, chosen: DataFilter = BLIND) -> list[Comparison]:
    blocks = b"".join(comparison_lines(store, chosen))
    return [Comparison.model_validate_json(line) for line in blocks.splitlines()]


def pairs_of(store: Store, chosen: DataFilter = BLIND) -> list[tuple[str, str, str]]:
    return [
        (line["chosen"][0]["content"], line["rejected"][0]["content"], line["from"])
        for line in lines_of(preference_lines(store, chosen))
    ]


def labels_of(store: Store, chosen: DataFilter = BLIND) -> dict[str, bool]:
    found = lines_of(label_lines(store, chosen))
    labels = {line["completion"][0]["content"]: line["label"] for line in found}
    assert len(labels) == len(found), "one line for each answer"
    return labels


class Story:
    """A person with one comparison; `did` sends what was done by then, a second after the last time."""

    def __init__(self, store: Store, *answers: str, source: Source = Source.REAL) -> None:
        self.store, self.clock = store, 60_000
        with store.writing() as connection:
            self.person = someone(connection, source)
            texts = answers or ("One.", "Two.", "Three.")
            self.query, self.answers = asked(connection, self.person, answers=texts)

    def did(self, *kinds: Signal) -> None:
        """Send the signals, each done when it was made."""
        self.clock += 1_000
        with self.store.writing() as connection:
            now = OPENED_MS + self.clock
            signals.record(connection, self.person.id, kinds, sent_ms=now, received_ms=now)
        self.clock += 1_000

    def act(self, kind: str, answer: Response | None = None, **payload: Any) -> Signal:
        self.clock += 10
        return act(kind, self.query, answer, self.clock, **payload)

    def vote(self, answer: Response) -> Signal:
        return self.act("vote", choice="best", best=str(answer.id))

    def withdrawn(self) -> Signal:
        return self.act("vote", choice="withdrawn")

    def finish(self, answer: Response, text: str, outcome: Outcome) -> Response:
        with self.store.writing() as connection:
            ended = answer.model_copy(update={"text": text, "outcome": outcome})
            return responses.finish(connection, ended)

    def regenerated(self, answer: Response, text: str) -> Response:
        """Another answer in its place, written now."""
        self.clock += 10
        with self.store.writing() as connection:
            return responses.add(
                connection,
                answer.model_copy(
                    update={
                        "id": uuid4(),
                        "text": text,
                        "replaces": answer.id,
                        "created_ms": OPENED_MS + self.clock,
                    }
                ),
            )

    def said(self, answer: Response, chosen: DataFilter = BLIND) -> str:
        return behaviors_of(self.store, chosen)[answer.id].behavior_text

    def unblinded(self) -> list[bool]:
        with self.store.reading() as connection:
            return [signal.unblinded for signal in signals.of_query(connection, self.query.id)]


# --- after the reveal -----------------------------------------------------------------------------


def test_a_vote_changed_after_the_names_were_read_is_no_vote(store: Store) -> None:
    story = Story(store)
    a, b, _ = story.answers
    story.did(story.vote(a))
    assert [each.best for each in comparisons_of(store)] == [0]
    story.did(story.withdrawn())
    story.did(story.vote(b))
    assert story.unblinded() == [False, True, True]
    assert comparisons_of(store) == []
    assert amounts(store, BLIND).votes == 0
    assert story.said(b) == "The reader did nothing with it."
    (asked_for,) = comparisons_of(store, OPEN)
    assert (asked_for.best, asked_for.unblinded) == (1, True)
    assert behaviors_of(store, OPEN)[b.id].unblinded
    assert amounts(store, OPEN).votes == 1
    with store.reading() as connection:
        states = summary.by_source(connection)[Source.REAL].vote_states
    assert (states["replaced"], states["unblinded"], states["counts"]) == (1, 1, 0)
    assert verify(store) == []


def test_a_vote_after_the_names_without_undoing_the_first_changes_nothing(store: Store) -> None:
    story = Story(store)
    a, b, _ = story.answers
    story.did(story.vote(a))
    story.did(story.vote(b))
    (found,) = comparisons_of(store)
    assert (found.best, found.unblinded) == (0, False)
    assert [each.best for each in comparisons_of(store, OPEN)] == [1]


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ([("like", True)], [("like", False)], "The reader chose another answer."),
        ([("like", True)], [("dislike", True)], "The reader liked it and chose another answer."),
        (
            [("like", True)],
            [("like", False), ("like", True)],
            "The reader chose another answer.",
        ),
        ([], [("like", True)], "The reader chose another answer."),
        ([("flag", True)], [("flag", False)], "The reader chose another answer."),
    ],
)
def test_marks_after_the_names_only_take_back(
    store: Store, before: list[Any], after: list[Any], text: str
) -> None:
    story = Story(store)
    a, b, _ = story.answers
    story.did(*[story.act(kind, a, on=on) for kind, on in before], story.vote(b))
    for kind, on in after:
        story.did(story.act(kind, a, on=on))
    assert story.said(a) == text


def test_what_is_read_and_copied_after_the_names_is_no_behaviour(store: Store) -> None:
    story = Story(store)
    a, b, _ = story.answers
    story.did(story.act("dwell", a, ms=900), story.vote(b))
    story.did(
        story.act("dwell", a, ms=700),
        story.act("copy", a, chars=3),
        story.act("scroll", a, depth=1),
        story.act("rate", a, value=5),
        story.act("critique", a, text="by RLHB!"),
    )
    hidden, full = behaviors_of(store)[a.id], behaviors_of(store, OPEN)[a.id]
    assert (hidden.unblinded, full.unblinded) == (False, True)
    assert hidden.behavior_features.dwell_ms == 900
    assert not hidden.behavior_features.copied
    assert hidden.behavior_features.rating is None
    assert hidden.behavior_features.comment == ""
    assert full.behavior_features.dwell_ms == 1_600
    assert full.behavior_features.comment == "by RLHB!"
    assert not behaviors_of(store, OPEN)[b.id].unblinded, "nothing was done with it after"


def test_what_was_read_before_the_vote_is_blind_however_late_it_comes(store: Store) -> None:
    """What is said on purpose comes in the order in which it was done, so there the clock is not asked."""
    story = Story(store)
    a, b, _ = story.answers
    late = [story.act("like", a), story.act("dwell", a, ms=500)]
    story.did(story.vote(b))
    story.did(*late)
    assert story.unblinded() == [True, False, False]
    assert story.said(a).endswith("looked at it and chose another answer.")


def test_a_browser_whose_clock_is_wrong_is_judged_by_ours(store: Store) -> None:
    story = Story(store)
    a, b, _ = story.answers
    story.did(story.vote(b))
    shift = 3_600_000  # the browser is an hour behind: its likes seem to come before the vote
    now = OPENED_MS + story.clock + 2_000
    like = story.act("like", a).model_copy(
        update={"at_ms": now - 1_000 - shift, "page_opened_ms": OPENED_MS - shift}
    )
    with store.writing() as connection:
        signals.record(connection, story.person.id, [like], sent_ms=now - shift, received_ms=now)
    assert story.unblinded() == [False, True]


@pytest.mark.parametrize("kind", ["like", "dislike", "share", "flag"])
def test_no_clock_makes_a_mark_after_the_vote_blind(store: Store, kind: str) -> None:
    story = Story(store)
    a, b, _ = story.answers
    first = story.vote(b)
    story.did(first)
    payload = {} if kind == "share" else {"on": True}
    late = story.act(kind, a, **payload).model_copy(update={"at_ms": first.at_ms - 500})
    story.did(late)
    assert sorted(story.unblinded()) == [False, True]
    assert story.said(a) == "The reader chose another answer."


@pytest.mark.parametrize("earlier_ms", [5, 0, -5])
def test_no_clock_makes_a_second_vote_blind(store: Store, earlier_ms: int) -> None:
    story = Story(store)
    a, b, _ = story.answers
    first = story.vote(b)
    story.did(first)
    second = story.vote(a).model_copy(update={"at_ms": first.at_ms - earlier_ms})
    ranked = story.act("rank", order=[[str(a.id)], [str(b.id)]])
    story.did(second, ranked.model_copy(update={"at_ms": first.at_ms - earlier_ms}))
    assert sorted(story.unblinded()) == [False, True, True]
    [line] = comparisons_of(store)
    assert (line.best, line.unblinded) == (1, False)
    assert pairs_of(store) == [("Two.", "One.", "vote"), ("Two.", "Three.", "vote")]


def test_votes_of_one_batch_are_blind_together(store: Store) -> None:
    """As without a connection: nothing was shown in between."""
    story = Story(store)
    a, b, _ = story.answers
    story.did(story.vote(b), story.withdrawn(), story.vote(a))
    assert story.unblinded() == [False] * 3
    assert [line.best for line in comparisons_of(store)] == [0]


def test_the_page_may_say_that_names_were_in_view(store: Store) -> None:
    story = Story(store)
    a, *_ = story.answers
    story.did(story.act("like", a).model_copy(update={"unblinded": True}))
    assert story.said(a) == "The reader did nothing with it."
    assert story.said(a, OPEN) == "The reader liked it."


def test_an_answer_regenerated_after_the_names_is_left_out(store: Store) -> None:
    story = Story(store)
    a, b, c = story.answers
    story.did(story.vote(b))
    story.did(story.withdrawn(), story.act("regenerate", a))
    new = story.regenerated(a, "Again.")
    story.did(story.act("like", new))
    assert set(behaviors_of(store)) == {a.id, b.id, c.id}
    assert labels_of(store) == {}
    assert amounts(store, BLIND).triplets == 3
    assert behaviors_of(store, OPEN)[new.id].behavior_text == "The reader liked it."
    assert labels_of(store, OPEN) == {"One.": False, "Again.": True}
    assert amounts(store, OPEN).triplets == 4


def test_a_comparison_skipped_is_open_too(store: Store) -> None:
    story = Story(store)
    a, *_ = story.answers
    story.did(story.act("vote", choice="skip"))
    story.did(story.act("like", a))
    assert story.said(a) == "The reader did nothing with it."


def test_simulated_people_see_no_names(store: Store) -> None:
    story = Story(store, source=Source.SIMULATED)
    a, b, _ = story.answers
    story.did(story.vote(b))
    story.did(story.act("like", a))
    assert story.said(a) == "The reader liked it and chose another answer."


ACTS = st.sampled_from(
    ["like", "unlike", "dislike", "undislike", "copy", "vote0", "vote1", "tie", "undo", "edit", "unedit"]
)  # fmt: skip


def as_signal(story: Story, name: str) -> Signal:
    first, second, _ = story.answers
    match name:
        case "vote0" | "vote1":
            return story.vote((first, second)[name == "vote1"])
        case "tie":
            return story.act("vote", choice="tie")
        case "undo":
            return story.withdrawn()
        case "copy":
            return story.act("copy", first, chars=3)
        case "edit" | "unedit":
            return story.act("edit", first, text="Better.", on=name == "edit")
        case _:
            return story.act(name.removeprefix("un"), first, on=not name.startswith("un"))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ACTS, st.booleans()), max_size=10))
def test_only_blind_acts_and_takings_back_make_a_behaviour(
    sqlite_store: Store, acts: list[tuple[str, bool]]
) -> None:
    """Any order of acts, in any batches: nothing that counts comes from after the first vote but takings back."""
    story = Story(sqlite_store)
    first, *_ = story.answers
    expected: dict[str, Any] = {"like": None, "vote": None, "copied": False, "edit": None}
    batch: list[Signal] = []
    seen, voted_in_batch = False, False
    for name, ends in acts:
        if name == "undo" and not (seen or voted_in_batch):
            continue  # there is no vote to take back
        batch.append(as_signal(story, name))
        if name in ("vote0", "vote1", "tie") and not seen:
            voted_in_batch = True
        match name:
            case "like" | "dislike" if not seen:
                expected["like"] = name
            case "unlike" | "undislike" if expected["like"] == name.removeprefix("un"):
                expected["like"] = None
            case "copy" if not seen:
                expected["copied"] = True
            case "vote0" | "vote1" | "tie" if not seen:
                expected["vote"] = {"vote0": "won", "vote1": "lost", "tie": "tied"}[name]
            case "undo":
                expected["vote"] = None
            case "edit" if not seen:
                expected["edit"] = "Better."
            case "unedit":
                expected["edit"] = None
            case _:
                pass
        if ends:
            story.did(*batch)
            batch, seen = [], seen or voted_in_batch
    story.did(*batch)
    story.did(*batch)  # a retry changes nothing
    found = behaviors_of(sqlite_store)[first.id].behavior_features
    assert {
        "like": "like" if found.liked else "dislike" if found.disliked else None,
        "vote": found.vote,
        "copied": found.copied,
        "edit": found.edited_text,
    } == expected
    with sqlite_store.writing() as connection:
        people.erase(connection, story.person.id)


def test_old_signals_are_marked_by_the_same_rule(database_url: str) -> None:
    store = Store.open(database_url)
    told = {}
    for source in (Source.REAL, Source.SIMULATED):
        story = Story(store, source=source)
        a, b, _ = story.answers
        story.did(story.act("like", a), story.vote(b))
        story.did(story.withdrawn())
        story.did(story.vote(a), story.act("copy", a, chars=2))
        silent = Story(store, source=source)
        silent.did(silent.act("like", silent.answers[0]))
        told[source] = story, silent
    before = [each.unblinded() for pair in told.values() for each in pair]
    store.close()
    migrate.downgrade(parse_url(database_url), "0001")
    store = Store.open(database_url)
    for pair in told.values():
        for story in pair:
            story.store = store
    assert [each.unblinded() for pair in told.values() for each in pair] == before
    assert before == [[False, False, True, True, True], [False], [False] * 5, [False]]
    with store.reading() as connection:
        revealed = connection.execute(sa.select(QUERY.c.revealed_ms)).scalars().all()
    assert sum(each is not None for each in revealed) == 1
    assert verify(store) == []
    store.close()


# --- equal answers --------------------------------------------------------------------------------


def test_a_vote_for_one_of_two_equal_answers_is_for_both(store: Store) -> None:
    story = Story(store, "Lima.", "Quito.", " Lima.\n")
    a, b, c = story.answers
    story.did(story.act("like", a), story.act("dislike", b), story.vote(c))
    assert story.said(a) == story.said(c) == "The reader liked it and chose it as the best."
    (found,) = comparisons_of(store)
    assert (found.responses, found.best) == (["Lima.", "Quito."], 0)
    assert found.model_versions == ["SFT = RLHB", "RLHF"]
    assert pairs_of(store) == [("Lima.", "Quito.", "vote")]
    assert labels_of(store) == {"Lima.": True, "Quito.": False}


def test_three_equal_answers_are_no_comparison(store: Store) -> None:
    story = Story(store, "Lima.", "Lima.", "Lima.")
    story.did(story.vote(story.answers[1]))
    assert comparisons_of(store) == []
    assert pairs_of(store) == []
    assert {each.behavior_features.vote for each in behaviors_of(store).values()} == {None}
    story.did(story.withdrawn())
    assert labels_of(store) == {}


def test_equal_answers_that_are_all_bad_are_bad(store: Store) -> None:
    story = Story(store, "Lima.", "Lima.", "Lima.")
    story.did(story.act("vote", choice="all_bad"))
    assert comparisons_of(store) == []
    assert labels_of(store) == {"Lima.": False}


def test_equal_answers_share_reading_and_stand_once_on_the_page(store: Store) -> None:
    story = Story(store, "Lima.", "Quito.", "Lima.")
    a, b, c = story.answers
    story.did(story.act("dwell", a, ms=4_000), story.act("dwell", b, ms=2_000))
    found = behaviors_of(store)
    assert found[a.id].behavior_features == found[c.id].behavior_features
    assert found[c.id].behavior_features.dwell_ms == 4_000


def test_answers_that_end_otherwise_but_read_the_same_are_one(store: Store) -> None:
    story = Story(store, "Lima is", "Quito.", "Lima is")
    a, _, c = story.answers
    story.finish(c, "Lima is", Outcome.CUT)
    story.did(story.vote(a))
    (found,) = comparisons_of(store)
    assert found.responses == ["Lima is", "Quito."]
    assert behaviors_of(store)[c.id].outcome == "cut"


def test_one_label_for_an_answer_whoever_read_it(store: Store) -> None:
    with store.writing() as connection:
        for number, acts in enumerate((["like", "like"], ["like", "dislike"], ["like", "none"])):
            for act_name in acts:
                person = someone(connection)
                query, (a, *_) = asked(connection, person, f"Query {number}?", ("Yes.",))
                if act_name != "none":
                    signals.record(connection, person.id, [act(act_name, query, a)])
    found = lines_of(label_lines(store, BLIND))
    assert [(line["prompt"][0]["content"], line["label"]) for line in found] == [
        ("Query 0?", True),  # both like it
        ("Query 2?", True),  # whoever says nothing does not outvote
    ]  # and the second cancel each other


# --- failed, empty and cut answers ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "text"),
    [(Outcome.ERROR, ""), (Outcome.ERROR, "half"), (Outcome.STOPPED, ""), (Outcome.EMPTY, "")],
)
def test_a_failed_or_empty_answer_cannot_be_chosen(
    store: Store, outcome: Outcome, text: str
) -> None:
    story = Story(store)
    a, b, c = story.answers
    story.finish(c, text, outcome)
    with pytest.raises(BadSignals, match="cannot be chosen") as refused:
        story.did(story.act("like", a), story.vote(c))
    assert [each.index for each in refused.value.refusals] == [1]
    with pytest.raises(BadSignals, match="cannot be chosen"):
        story.did(story.act("rank", order=[[str(c.id)], [str(a.id), str(b.id)]]))
    story.did(story.act("rank", order=[[str(a.id)], [str(b.id)], [str(c.id)]]))
    story.did(story.act("like", a), story.vote(a))
    assert story.unblinded() == [False] * 3, "nothing of the refused batches was stored"


def test_a_vote_for_an_answer_that_failed_afterwards_says_nothing(store: Store) -> None:
    story = Story(store)
    a, b, c = story.answers
    story.finish(c, "", Outcome.PENDING)
    early = story.act("vote", choice="best", best=str(c.id), early=True)
    story.did(story.act("dislike", a), early)
    story.finish(c, "", Outcome.ERROR)
    story.did(early)  # a retry of what was taken is taken
    assert story.said(b) == story.said(c) == "The reader did nothing with it."
    assert comparisons_of(store) == []
    assert pairs_of(store) == []
    assert labels_of(store) == {a.text: False}


def test_passing_over_a_failed_answer_says_nothing_of_it(store: Store) -> None:
    story = Story(store)
    a, b, c = story.answers
    story.finish(c, "half an ans", Outcome.ERROR)
    story.did(story.act("like", b), story.vote(b), story.act("dislike", c))
    assert story.said(c) == "The reader disliked it."
    assert labels_of(store) == {b.text: True}, "a failed answer is no label"
    (found,) = comparisons_of(store)
    assert found.responses == [a.text, b.text]
    assert pairs_of(store) == [(b.text, a.text, "vote")]


def test_an_empty_answer_can_lose(store: Store) -> None:
    story = Story(store)
    a, b, c = story.answers
    story.finish(b, "", Outcome.EMPTY)
    story.finish(c, "", Outcome.EMPTY)
    story.did(story.vote(a))
    assert pairs_of(store) == [(a.text, "", "vote")], "two silences are one"


def test_an_import_in_which_an_empty_or_failed_answer_won_gives_no_pair(store: Store) -> None:
    for outcome, text in (("empty", ""), ("error", ""), ("error", "half"), ("stopped", "")):
        query_id = str(uuid4())
        import_jsonl(
            store,
            [
                line(query_id, text, outcome=outcome, vote="won"),
                line(query_id, "Lima.", vote="lost"),
                line(query_id, "Quito.", vote="lost"),
            ],
        )
    assert comparisons_of(store) == []
    assert pairs_of(store) == []


def test_a_cut_answer_is_exported_as_cut_and_not_while_it_goes_on(store: Store) -> None:
    story = Story(store)
    a, b, c = story.answers
    cut = story.finish(c, "Three is the", Outcome.CUT)
    story.did(story.vote(cut))
    assert behaviors_of(store)[c.id].outcome == "cut"
    assert comparisons_of(store)[0].best == 2
    story.finish(c, "Three is the number", Outcome.PENDING)
    assert set(behaviors_of(store)) == {a.id, b.id}
    assert comparisons_of(store) == [], "what was chosen is not there yet"
    story.finish(c, "Three is the number.", Outcome.OK)
    assert comparisons_of(store)[0].responses[2] == "Three is the number."


# --- edits and comments ---------------------------------------------------------------------------


def test_edits_and_comments_are_exported_with_their_texts(store: Store) -> None:
    story = Story(store)
    a, b, c = story.answers
    story.did(
        story.act("edit", a, text="One, better."),
        story.act("edit", b, text="Two, better."),
        story.act("edit", b, text="Two, better.", on=False),
        story.act("edit", c, text=" Three. "),
        story.act("critique", a, text="nearly", tags=["clear", "kind"]),
        story.act("critique", b, text="never mind"),
        story.act("critique", b),
    )
    found = {each: told.behavior_features for each, told in behaviors_of(store).items()}
    assert (found[a.id].edited_text, found[b.id].edited_text) == ("One, better.", None)
    assert (found[a.id].comment, found[a.id].comment_tags) == ("nearly", ["clear", "kind"])
    assert (found[b.id].commented, found[b.id].comment) == (False, "")
    assert pairs_of(store) == [("One, better.", "One.", "edit")], "what changes nothing is no edit"
    story.did(story.vote(c))
    story.did(story.act("edit", c, text="Three, with names in view."))
    assert ("One, better.", "One.", "edit") in pairs_of(store)
    assert len(pairs_of(store)) == 3
    assert pairs_of(store, OPEN)[-1] == ("Three, with names in view.", "Three.", "edit")
    (last,) = [x for x in lines_of(preference_lines(store, OPEN)) if "unblinded" in x]
    assert last["unblinded"] is True
    mine = lines_of(people.export_all(store, story.person.id))
    texts = [x["payload"].get("text") for x in mine if x["type"] == "signal"]
    assert "One, better." in texts
    assert "nearly" in texts


def test_a_comment_is_told_whatever_stands_in_it(store: Store, other: Store) -> None:
    story = Story(store)
    text = 'No \x00, and. Tags: none \U0001f916 "it" In words: dwell 4'
    story.did(story.act("critique", story.answers[0], text=text, tags=["too, long", "x. y"]))
    sent = b"".join(triplet_lines(store, BLIND)).splitlines()
    told = behaviors_of(store)[story.answers[0].id]
    assert told.behavior_features.comment == text
    said = text.replace("\x00", "\ufffd")
    assert told.behavior_text == (
        f"The reader commented on it. Tags: too, long, x. y. In words: {said}"
    )
    assert import_jsonl(other, sent).imported == 3
    assert behaviors_of(other)[story.answers[0].id].behavior_text == told.behavior_text
    assert labels_of(store) == {}


# --- in and out -----------------------------------------------------------------------------------


def line(query_id: str = "", response: str = "Because.", **changed: Any) -> bytes:
    vote, outcome = changed.pop("vote", None), changed.pop("outcome", "ok")
    triplet = {
        "verbaliser_version": 1,
        "query_id": query_id or str(uuid4()),
        "response_id": str(uuid4()),
        "query": "Why?",
        "response": response,
        "behavior_text": "The reader liked it.",
        "behavior_features": {"liked": True, "vote": vote},
        "source": "real",
        "outcome": outcome,
        "asked_at": "2026-01-02T03:04:05Z",
        "answered_at": "2026-01-02T03:04:06.5+00:00",
    }
    return json.dumps(triplet | changed).encode()


@pytest.fixture
def other(tmp_path: Any) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    yield opened
    opened.close()


def test_marks_edits_and_comments_come_back_from_an_export(store: Store, other: Store) -> None:
    story = Story(store, "Lima.", "Quito.", "Lima.")
    a, b, _ = story.answers
    story.did(
        story.act("edit", b, text="Lima!"), story.act("critique", b, tags=["wrong"]), story.vote(a)
    )
    story.did(story.withdrawn(), story.act("like", b))
    sent = b"".join(triplet_lines(store, OPEN)).splitlines()
    assert import_jsonl(other, sent).imported == 3
    back = {
        each: told.model_dump(exclude={"source"})
        for each, told in behaviors_of(other, OPEN).items()
    }
    went = {
        each: told.model_dump(exclude={"source"})
        for each, told in behaviors_of(store, OPEN).items()
    }
    assert back == went
    assert went[b.id]["unblinded"]
    assert set(behaviors_of(other)) == {each.id for each in story.answers} - {b.id}, (
        "what rests on open acts is left out where the blind ones are not known"
    )
    assert verify(other) == []


def test_old_exports_are_read_as_blind(store: Store) -> None:
    assert import_jsonl(store, [line(schema_version=1)]).imported == 1
    (found,) = behaviors_of(store).values()
    assert not found.unblinded


def test_an_unnamed_person_has_no_id_in_any_export(store: Store) -> None:
    query_id = str(uuid4())
    import_jsonl(store, [line(query_id, "a", vote="won"), line(query_id, "b", vote="lost")])
    named = Story(store)
    named.did(named.vote(named.answers[0]))
    assert {each.person for each in comparisons_of(store)} == {None, str(named.person.id)}
    assert {each.person for each in behaviors_of(store).values()} == {None, str(named.person.id)}
