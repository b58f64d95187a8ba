"""When acts happened by our clock: in their page's order, however wrong its clock is and long its requests take."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from app.store import Clocks
from app.store.clocks import PAGES
from app.store.signals import Batch
from rlhb_core.schema.records import Query
from tests.scene import OPENED_MS, act

ME = uuid4()
QUERY = Query(person_id=ME, text="How many moons has Mars?")


def batch(
    after_ms: Sequence[int], sent_ms: int, wrong_ms: int, took_ms: int, who: UUID = ME
) -> Batch:
    """Acts so long after the page was opened, by a clock that is behind ours, in a request that took its time."""
    acts = [act("follow_up", QUERY, after_ms=each, to_query=str(QUERY.id)) for each in after_ms]
    return Batch(who, acts, OPENED_MS + sent_ms, OPENED_MS + sent_ms + wrong_ms + took_ms)


def times(right: Batch) -> list[int]:
    return [signal.at_ms - OPENED_MS for signal in right.signals]


def test_a_request_that_took_long_does_not_come_after_the_next():
    clocks = Clocks()
    like = clocks.set_right(batch([1_000], 1_000, 0, took_ms=900))
    taken_back = clocks.set_right(batch([1_200], 1_900, 0, took_ms=10))
    assert times(like) == [1_900]
    assert times(taken_back) == [1_901]
    later = clocks.set_right(batch([5_000], 5_000, 0, took_ms=400))
    assert times(later) == [5_010], (
        "the least that was seen of the page says how wrong its clock is"
    )


def test_acts_of_one_moment_keep_the_order_in_which_they_are_told():
    assert times(Clocks().set_right(batch([7, 7, 7], 10, 0, 0))) == [7, 8, 9]


def test_acts_are_told_in_any_order_and_keep_their_times():
    clocks = Clocks()
    assert times(clocks.set_right(batch([70, 30, 50], 100, 0, 0))) == [70, 30, 50]
    assert times(clocks.set_right(batch([10], 200, 0, 0))) == [10], (
        "left behind, and sent after newer ones"
    )


def test_a_clock_that_is_set_back_is_measured_afresh():
    clocks, hour = Clocks(), 3_600_000
    clocks.set_right(batch([hour], hour, 0, 0))
    assert times(clocks.set_right(batch([1_000], 1_000, wrong_ms=hour, took_ms=5))) == [
        hour + 1_005
    ]
    forward = clocks.set_right(batch([2 * hour], 2 * hour, wrong_ms=0, took_ms=5))
    assert times(forward) == [2 * hour + 5]


def test_pages_of_others_have_their_own_clocks():
    clocks = Clocks()
    clocks.set_right(batch([1_000], 1_000, 0, 0))
    assert times(clocks.set_right(batch([1_000], 1_000, 0, 700, who=uuid4()))) == [1_700]


def test_the_clocks_of_countless_pages_are_forgotten():
    clocks = Clocks()
    for _ in range(PAGES + 5):
        clocks.set_right(batch([0], 0, 0, 0, who=uuid4()))
    assert len(clocks._known) == PAGES


@given(
    wrong_ms=st.integers(-10_000_000, 10_000_000),
    requests=st.lists(
        st.tuples(st.lists(st.integers(0, 3_000), max_size=4), st.integers(0, 20_000)), max_size=8
    ),
)
def test_the_order_is_the_pages_own(wrong_ms: int, requests: list[tuple[list[int], int]]):
    clocks, found, now = Clocks(), list[int](), 0
    for waits, took_ms in requests:
        acts = []
        for wait in waits:
            now += wait
            acts.append(now)
        right = times(clocks.set_right(batch(acts, now, wrong_ms, took_ms)))
        assert all(each >= done + wrong_ms for each, done in zip(right, acts, strict=True)), (
            "never too early"
        )
        found += right
        now += took_ms
    assert found == sorted(set(found)), "one after another, and no two at once"
