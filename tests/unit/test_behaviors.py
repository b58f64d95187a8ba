"""Behaviours: what makes a signal acceptable, and signals -> features -> text -> classes, and back."""

import json
import math
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlhb_core.errors import BadRecord, NotEnoughData
from rlhb_core.schema.behaviors import (
    ALL_CLAUSES,
    IMPLICIT_CLAUSES,
    NOTHING,
    Form,
    absolute,
    classify,
    parse,
    preference_score,
    preferred_behavior,
    text_of,
    verbalise,
    written,
)
from rlhb_core.schema.dwell import standardise_dwell
from rlhb_core.schema.features import CLAUSES, BehaviorFeatures, Marked
from rlhb_core.schema.reading import Reading, summarise, summarise_person
from rlhb_core.schema.signals import (
    CLOCK_SLACK_MS,
    KINDS,
    MAX_PAYLOAD_BYTES,
    Signal,
    SignalKind,
    check_signal,
)

OPENED = 1_760_000_000_000
QUERY, RESPONSE, OTHER = uuid4(), uuid4(), uuid4()


def act(kind: str, at: int = 60_000, response: UUID | None = RESPONSE, **payload: Any) -> Signal:
    return Signal(
        kind=SignalKind(kind),
        query_id=QUERY,
        response_id=None if KINDS[SignalKind(kind)].of_query else response,
        at_ms=OPENED + at,
        page_id=QUERY,
        page_opened_ms=OPENED,
        payload=payload,
    )


def payload_of(kind: SignalKind) -> st.SearchStrategy[dict[str, Any]]:
    ids = st.sampled_from([str(RESPONSE), str(OTHER)])
    made: dict[SignalKind, st.SearchStrategy[dict[str, Any]]] = {
        SignalKind.SHOWN: st.builds(dict, position=st.integers(0, 15)),
        SignalKind.DWELL: st.builds(dict, ms=st.integers(0, 60_000)),
        SignalKind.SCROLL: st.builds(dict, depth=st.floats(0, 1)),
        SignalKind.COPY: st.builds(dict, chars=st.integers(0, 9_999)),
        SignalKind.SELECT: st.builds(dict, chars=st.integers(0, 9_999)),
        SignalKind.LIKE: st.builds(dict, on=st.booleans()),
        SignalKind.DISLIKE: st.builds(dict, on=st.booleans()),
        SignalKind.FLAG: st.builds(dict, on=st.booleans()),
        SignalKind.EDIT: st.builds(dict, text=st.text("abc", min_size=1, max_size=9)),
        SignalKind.CRITIQUE: st.builds(dict, text=st.text("abc", max_size=9)),
        SignalKind.MARK: st.builds(
            lambda mark, start, size, quality, on: {
                "mark": mark,
                "start": start,
                "end": start + size,
                "quality": quality,
                "on": on,
            },
            ids,
            st.integers(0, 99),
            st.integers(1, 99),
            st.sampled_from(["good", "bad"]),
            st.booleans(),
        ),
        SignalKind.RATE: st.builds(
            dict, aspect=st.sampled_from(["overall", "clear"]), value=st.integers(1, 5)
        ),
        SignalKind.REFORMULATE: st.builds(dict, to_query=ids),
        SignalKind.FOLLOW_UP: st.builds(dict, to_query=ids),
        SignalKind.RANK: st.just({"order": [[str(RESPONSE)], [str(OTHER)]]}),
        SignalKind.VOTE: st.one_of(
            st.builds(dict, choice=st.just("best"), best=ids),
            st.builds(dict, choice=st.sampled_from(["tie", "all_bad", "skip", "withdrawn"])),
        ),
    }
    return made.get(kind, st.just({}))


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    kind = draw(st.sampled_from(SignalKind))
    about = draw(st.sampled_from([RESPONSE, OTHER]))
    return act(kind, draw(st.integers(0, 60_000)), about, **draw(payload_of(kind)))


@st.composite
def features(draw: st.DrawFn) -> BehaviorFeatures:
    liked = draw(st.booleans())
    marks = (
        *("copied", "selected", "shared", "flagged", "edited", "commented"),
        *("asked_again", "asked_further", "left"),
    )
    return BehaviorFeatures(
        dwell_ms=draw(st.none() | st.integers(0, 10**7)),
        dwell_z=draw(st.none() | st.floats(-5, 5)),
        read_depth=draw(st.none() | st.floats(0, 1)),
        liked=liked,
        disliked=not liked and draw(st.booleans()),
        vote=draw(st.sampled_from([None, "won", "lost", "tied", "all_bad"])),
        rating=draw(st.none() | st.floats(1, 5)),
        marks=[
            Marked(mark=RESPONSE, start=0, end=1, quality=each)
            for each in draw(st.sets(st.sampled_from(["good", "bad"])))
        ],
        comment=draw(st.sampled_from(["", "It is 3. Really", "a, and b", "x Tags: dwell 4"])),
        comment_tags=draw(st.lists(st.sampled_from(["too long", "wrong. Or?"]), max_size=2)),
        **{mark: draw(st.booleans()) for mark in marks},
    )


# --- what makes a signal acceptable ---------------------------------------------------------------


@given(signals())
def test_whatever_the_page_can_send_is_accepted_unless_it_read_longer_than_it_was_open(
    signal: Signal,
):
    open_ms = signal.at_ms - signal.page_opened_ms
    if signal.kind is SignalKind.DWELL and signal.payload["ms"] > open_ms + CLOCK_SLACK_MS:
        with pytest.raises(BadRecord, match="longer than the page was open"):
            check_signal(signal, sent_ms=signal.at_ms)
    else:
        check_signal(signal, sent_ms=signal.at_ms)


def test_every_kind_has_a_payload():
    assert set(KINDS) == set(SignalKind)


@pytest.mark.parametrize(
    ("signal", "says"),
    [
        (act("dwell", ms=-1), "dwell: ms"),
        (act("mark", mark=str(OTHER), start=3, end=3, quality="bad"), "'end' lies behind 'start'"),
        (act("mark", mark=str(OTHER), start=3, end=30_000, quality="bad"), "at most 20000"),
        (act("mark", mark=str(OTHER), start=0, end=3, quality="so so"), "quality"),
        (act("mark", start=0, end=3, quality="bad"), "mark: mark: field required"),
        (act("dwell", ms=math.nan), "dwell: numbers must be finite"),
        (act("dwell", ms=math.inf), "dwell: numbers must be finite"),
        (act("dwell", ms=61_001), "longer than the page was open"),
        (act("scroll", depth=1.1), "scroll: depth"),
        (act("like", at=60_000 + CLOCK_SLACK_MS + 1), "future"),
        (act("like", at=-CLOCK_SLACK_MS - 1), "before the page was opened"),
        (act("like", response=None), "response_id"),
        (act("vote", choice="tie").model_copy(update={"response_id": RESPONSE}), "response_id"),
        (act("edit", text="x" * 1_000_000), f"at most {MAX_PAYLOAD_BYTES}"),
        (act("critique", text="x" * 21_000), "critique: text"),
        (act("like", wink=1), "like: wink"),
        (act("edit", text="\ud800"), "edit: "),
        (act("vote", choice="best"), "must name it"),
        (act("vote", choice="tie", best=str(RESPONSE)), "only with choice = best"),
    ],
)
def test_what_cannot_be_true_is_refused_in_a_sentence(signal: Signal, says: str):
    with pytest.raises(BadRecord) as refused:
        check_signal(signal, sent_ms=OPENED + 60_000)
    assert says in str(refused.value)


def test_a_refusal_does_not_repeat_what_the_person_wrote():
    with pytest.raises(BadRecord) as refused:
        check_signal(act("critique", text=["my secret"]), sent_ms=OPENED + 60_000)
    assert "secret" not in str(refused.value)


@given(
    st.sampled_from(SignalKind),
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=6,
        ),
        max_size=4,
    ),
)
def test_any_payload_is_taken_or_refused_and_nothing_else_happens(
    kind: SignalKind, payload: dict[str, Any]
):
    signal = act(kind, at=86_400_000).model_copy(update={"payload": payload})
    try:
        KINDS[kind].payload.model_validate(payload)
        json.dumps(payload, allow_nan=False)
    except ValueError:
        with pytest.raises(BadRecord, match=f"^{kind}: "):
            check_signal(signal, signal.at_ms)
    else:
        check_signal(signal, signal.at_ms)


# --- signals -> features --------------------------------------------------------------------------


@given(st.lists(signals(), max_size=12), st.randoms())
def test_the_order_of_arrival_does_not_matter(acts: list[Signal], chance: Any):
    shuffled = list(acts)
    chance.shuffle(shuffled)
    assert summarise(RESPONSE, shuffled) == summarise(RESPONSE, acts)


@given(st.lists(signals(), max_size=12))
def test_what_was_done_with_another_response_does_not_count(acts: list[Signal]):
    mine = [each for each in acts if each.response_id in (None, RESPONSE)]
    assert summarise(RESPONSE, acts) == summarise(RESPONSE, mine)


@given(st.lists(signals(), max_size=12))
def test_features_are_possible_ones(acts: list[Signal]):
    found = summarise(RESPONSE, acts)
    assert BehaviorFeatures.model_validate(found.model_dump()) == found
    assert not (found.liked and found.disliked)
    mine = [each for each in acts if each.response_id == RESPONSE]
    dwells = [each.payload["ms"] for each in mine if each.kind is SignalKind.DWELL]
    assert found.dwell_ms == (sum(dwells) if dwells else None)
    depths = [each.payload["depth"] for each in mine if each.kind is SignalKind.SCROLL]
    assert found.read_depth == (max(depths) if depths else None)


def test_the_last_mark_counts():
    assert summarise(RESPONSE, [act("like", 1), act("like", 2, on=False)]) == BehaviorFeatures()
    assert summarise(RESPONSE, [act("like", 1), act("dislike", 2)]).liked is False
    assert summarise(RESPONSE, [act("dislike", 2), act("like", 3)]).disliked is False
    again = [act("dislike", 1), act("dislike", 2, on=False), act("like", 3)]
    assert summarise(RESPONSE, again).liked is True


def test_the_last_vote_counts_for_each_response():
    votes = [act("vote", 1, choice="tie"), act("vote", 2, choice="best", best=str(RESPONSE))]
    assert summarise(RESPONSE, votes).vote == "won"
    assert summarise(OTHER, votes).vote == "lost"
    votes.append(act("vote", 3, choice="withdrawn"))
    assert summarise(RESPONSE, votes).vote is None
    votes.append(act("vote", 4, choice="all_bad"))
    assert summarise(OTHER, votes).vote == "all_bad"


def test_whoever_voted_has_not_left():
    left = act("abandon", 1)
    assert summarise(RESPONSE, [left]).left
    assert not summarise(RESPONSE, [left, act("vote", 2, choice="tie")]).left


def test_whoever_came_back_has_not_left_until_the_next_time():
    acts = [act("abandon", 1), act("abandon", 2, on=False)]
    assert not summarise(RESPONSE, acts).left
    assert summarise(RESPONSE, [*acts, act("abandon", 3)]).left


def test_an_edit_can_be_taken_back():
    edit = act("edit", 1, text="better")
    assert summarise(RESPONSE, [edit]).edited
    assert not summarise(RESPONSE, [edit, act("edit", 2, text="as it was", on=False)]).edited


def marked(
    mark: UUID, start: int, end: int, quality: str = "good", at: int = 0, **said: Any
) -> Signal:
    told = {"mark": str(mark), "start": start, "end": end, "quality": quality, **said}
    return act("mark", 60_000 + at, **told)


def test_marks_stand_side_by_side_and_the_last_word_on_each_counts():
    one, other = uuid4(), uuid4()
    acts = [
        marked(one, 4, 9, reason="clear", at=1),
        marked(other, 0, 3, "bad", note="no, Lima", at=2),
        marked(one, 5, 9, "bad", at=3),
    ]
    found = summarise(RESPONSE, acts)
    assert [(each.mark, each.start, each.end, each.quality) for each in found.marks] == [
        (other, 0, 3, "bad"),
        (one, 5, 9, "bad"),
    ]
    assert (found.marks[0].note, found.marks[1].reason) == ("no, Lima", "")
    assert verbalise(found) == "The reader pointed out what is bad."
    again = marked(one, 5, 9, at=4)
    both = "The reader pointed out what is good as well as what is bad."
    assert verbalise(summarise(RESPONSE, [*acts, again])) == both
    off = [marked(each, 0, 3, at=5, on=False) for each in (one, other)]
    assert summarise(RESPONSE, [*acts, *off]) == BehaviorFeatures()


def test_what_was_said_in_a_comment_follows_the_sentence():
    acts = [act("like"), act("critique", text="Not 3. It is 4, and bad 7", tags=["wrong", "short"])]
    found = summarise(RESPONSE, acts)
    assert verbalise(found) == (
        "The reader liked it and commented on it. Tags: wrong, short. In words: Not 3. It is 4, and bad 7"
    )
    assert parse(verbalise(found)) == classify(found)
    assert verbalise(found, ("reaction",)) == "The reader liked it.", "only where comments are told"
    assert written(classify(found)) == "The reader liked it and commented on it."


def test_what_is_relative_is_left_out_of_what_is_absolute():
    for vote, left in (("won", 0), ("lost", 0), ("tied", 0), ("all_bad", 4)):
        classes = classify(BehaviorFeatures(vote=vote, liked=True))
        assert absolute(classes) == classes | {"vote": left}


def test_ratings_of_several_aspects_are_averaged_and_corrected_ones_replaced():
    rates = [
        act("rate", 1, aspect="clear", value=1),
        act("rate", 2, aspect="clear", value=5),
        act("rate", 3, aspect="overall", value=2),
    ]
    found = summarise(RESPONSE, rates)
    assert found.rating == 3.5
    assert found.ratings == {"clear": 5, "overall": 2}
    assert verbalise(found) == "The reader rated it 4 of 5."


def test_the_strength_of_a_preference_goes_with_its_vote():
    votes = [act("vote", 1, choice="best", best=str(RESPONSE), strength=2)]
    assert summarise(RESPONSE, votes).strength == summarise(OTHER, votes).strength == 2
    votes.append(act("vote", 2, choice="tie"))
    assert summarise(RESPONSE, votes).strength is None


# --- dwell within the person ----------------------------------------------------------------------


def test_nothing_gives_nothing():
    assert standardise_dwell([], []) == []
    assert summarise_person([]) == []


dwells = st.lists(st.tuples(st.integers(0, 600_000), st.integers(0, 20_000)), max_size=30)


@given(dwells)
def test_scores_are_finite_and_longer_reading_of_equal_lengths_never_scores_lower(
    pairs: list[tuple[int, int]],
):
    scores = standardise_dwell([ms for ms, _ in pairs], [500] * len(pairs))
    assert all(math.isfinite(score) for score in scores)
    ordered = sorted(zip((ms for ms, _ in pairs), scores, strict=True))
    assert all(a[1] <= b[1] + 1e-9 for a, b in pairwise(ordered))
    mixed = standardise_dwell([ms for ms, _ in pairs], [chars for _, chars in pairs])
    assert all(math.isfinite(score) for score in mixed)


def test_a_slow_reader_is_no_keener_than_a_quick_one():
    quick = [1_000, 2_000, 4_000] * 40
    slow = [ms * 10 for ms in quick]
    chars = [500] * len(quick)
    for a, b in zip(standardise_dwell(quick, chars), standardise_dwell(slow, chars), strict=True):
        assert a == pytest.approx(b, abs=0.05)


def test_a_long_answer_is_not_better_because_it_takes_longer():
    dwell_ms = [2_000, 3_000] * 60 + [20_000, 30_000] * 60
    chars = [200] * 120 + [4_000] * 120
    scores = standardise_dwell(dwell_ms, chars)
    short, long = sum(scores[:120]) / 120, sum(scores[120:]) / 120
    assert scores[1] > scores[0]
    assert scores[121] > scores[120]
    assert abs(short - long) < 0.5 * (scores[1] - scores[0])


def test_by_hand():
    # One answer, 8 s: as usual. log1p(8000) = 8.987; mean stays there, so the residual is 0.
    assert standardise_dwell([8_000], [500]) == [0.0]
    # One answer, 80 s: residual 11.29 - (11.29 + 8.987) / 2 = 1.151, less 1.151 / 9 for the length bin: 1.023;
    # spread sqrt((1.023^2 + 2) / 3) = 1.0076.
    (score,) = standardise_dwell([80_000], [500])
    assert score == pytest.approx(1.0156, abs=2e-3)


def test_answers_read_alone_and_side_by_side_are_not_compared_with_each_other():
    def reading(ms: int, together: int) -> Reading:
        response = uuid4()
        return Reading(response, 500, [act("dwell", response=response, ms=ms)], together)

    alone = [reading(ms, 1) for ms in (20_000, 30_000, 40_000) * 20]
    beside = [reading(ms, 3) for ms in (2_000, 3_000, 4_000) * 20]
    scores = [found.dwell_z or 0.0 for found in summarise_person([*alone, *beside])]
    assert sum(scores[:60]) / 60 == pytest.approx(sum(scores[60:]) / 60, abs=0.1)
    assert scores[60] < scores[61] < scores[62]


def test_who_never_read_has_no_score():
    (found,) = summarise_person([Reading(RESPONSE, 500, [act("like")])])
    assert found.dwell_z is None
    assert found.liked


# --- features -> text -> classes ------------------------------------------------------------------


@given(features())
def test_the_text_says_what_the_features_say(found: BehaviorFeatures):
    assert parse(verbalise(found)) == classify(found)


@given(features(), st.sets(st.sampled_from(ALL_CLAUSES)))
def test_a_text_of_some_clauses_keeps_exactly_these(found: BehaviorFeatures, kept: set[str]):
    classes = classify(found)
    read = parse(text_of(classes, sorted(kept)))
    assert read == {name: value if name in kept else 0 for name, value in classes.items()}


@given(features(), st.sampled_from(["text", "numbers", "both"]))
def test_every_form_says_the_same(found: BehaviorFeatures, form: Form):
    assert parse(written(classify(found), ALL_CLAUSES, form)) == classify(found)


def test_forms_by_hand():
    classes = parse("The reader read it at length and liked it.")
    numbers = "dwell 4, reaction 1, copied 0"
    assert written(classes, ("dwell", "reaction", "copied"), "numbers") == numbers
    assert written(classes, ("dwell", "reaction", "copied"), "both") == (
        f"The reader read it at length and liked it. {numbers}"
    )
    with pytest.raises(BadRecord, match="'dwell 6' is no class"):
        parse("dwell 6, reaction 1")


@given(st.lists(signals(), max_size=10))
def test_every_life_can_be_put_into_words_and_read_back(acts: list[Signal]):
    (found,) = summarise_person([Reading(RESPONSE, 100, acts)])
    assert parse(verbalise(found)) == classify(found)


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text: str):
    with pytest.raises(BadRecord):
        parse(text)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ,", min_size=1, max_size=40))
def test_an_unknown_phrase_is_refused(phrase: str):
    known = {NOTHING, *(option for clause in CLAUSES for option in clause.options if option)}
    if phrase.strip() not in known and phrase not in known:
        with pytest.raises(BadRecord):
            parse(f"The reader {phrase}x.")


def test_sentences_read_as_english():
    assert verbalise(BehaviorFeatures()) == "The reader did nothing with it."
    assert verbalise(BehaviorFeatures(liked=True)) == "The reader liked it."
    full = BehaviorFeatures(dwell_z=0.5, liked=True, copied=True, vote="won", rating=4.4)
    assert verbalise(full) == (
        "The reader read it at length, liked it, copied it, chose it as the best and rated it 4 of 5."
    )


def test_phrases_are_told_apart():
    phrases = [option for clause in CLAUSES for option in clause.options if option]
    assert len(phrases) == len(set(phrases))
    assert not any(", " in phrase or " and " in phrase for phrase in phrases)
    assert all(len(clause.options) == len(clause.preference) for clause in CLAUSES)
    assert all(clause.options[0] is None and clause.preference[0] == 0 for clause in CLAUSES)
    assert set(IMPLICIT_CLAUSES) <= set(ALL_CLAUSES)


# --- which behaviours are preferred ---------------------------------------------------------------


@given(st.lists(features(), min_size=1, max_size=30))
def test_the_preferred_behaviour_is_a_logged_one_and_none_of_the_common_is_better(
    log: list[BehaviorFeatures],
):
    texts = [verbalise(each) for each in log]
    chosen = preferred_behavior(texts, share=0.1)
    assert chosen in texts
    better = [t for t in texts if preference_score(parse(t)) > preference_score(parse(chosen))]
    assert len(better) < 0.1 * len(texts)  # otherwise one of these would do
    assert all(texts.count(text) < texts.count(chosen) for text in better)


def test_a_rare_behaviour_is_not_conditioned_on():
    liked, chosen = (
        verbalise(BehaviorFeatures(liked=True)),
        verbalise(BehaviorFeatures(liked=True, vote="won", copied=True)),
    )
    assert preferred_behavior([liked] * 199 + [chosen], share=0.03) == liked
    assert preferred_behavior([liked] * 90 + [chosen] * 10, share=0.03) == chosen


def test_where_few_are_liked_in_many_ways_one_of_these_ways_is_asked_for() -> None:
    often, seldom = (
        "The reader read it at length and liked it.",
        "The reader read it briefly and liked it.",
    )
    stared = "The reader read it for very long."
    assert preferred_behavior([stared] * 960 + [often] * 25 + [seldom] * 15, share=0.03) == often
    assert preferred_behavior([stared] * 985 + [often] * 15, share=0.03) == stared
    assert preferred_behavior([stared] * 985 + [often] * 15, share=0.01) == often


def test_no_log_no_preference():
    with pytest.raises(NotEnoughData, match="collect"):
        preferred_behavior([], share=0.03)


def test_a_like_speaks_for_and_a_dislike_against():
    liked, disliked = BehaviorFeatures(liked=True), BehaviorFeatures(disliked=True)
    assert preference_score(classify(liked)) == 1
    assert preference_score(classify(disliked)) == -1
    assert preference_score(classify(BehaviorFeatures())) == 0


def test_what_one_query_is_to_the_next_is_told_by_the_last_signal_about_it() -> None:
    query, further, other = uuid4(), uuid4(), uuid4()

    def step(kind: SignalKind, to: UUID, at_ms: int, on: bool = True) -> Signal:
        return Signal(
            kind=kind,
            query_id=query,
            at_ms=at_ms,
            page_id=uuid4(),
            page_opened_ms=0,
            payload={"to_query": str(to), "on": on},
        )

    again, on_from = SignalKind.REFORMULATE, SignalKind.FOLLOW_UP

    def told(*signals: Signal) -> tuple[bool, bool]:
        found = summarise(uuid4(), signals)
        return found.asked_again, found.asked_further

    taken = step(again, further, 1)
    assert told(taken) == (True, False)
    assert told(taken, step(on_from, further, 2)) == (False, True)
    assert told(taken, step(again, further, 2, on=False)) == (False, False)
    # another query that followed is another step
    assert told(taken, step(on_from, other, 2)) == (True, True)
    assert told(taken, step(on_from, other, 2), step(again, further, 3, on=False)) == (False, True)
