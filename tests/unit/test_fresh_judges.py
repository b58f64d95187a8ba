"""Which rows fresh judges learn from, stop by and are tested on."""

from rlhb_core.data import Logged
from rlhb_core.fresh_judges import parted

LIKED, NOTHING = "The reader liked it.", "The reader did nothing with it."


def rows(queries: int) -> list[Logged]:
    """Every query twice, with two behaviours."""
    return [
        Logged(f"Query {i // 2}?", "Lima.", (LIKED, NOTHING)[i % 2]) for i in range(2 * queries)
    ]


def test_rows_that_say_when_to_stop_have_queries_of_their_own() -> None:
    known = rows(300)
    learned, stopping = parted(known)
    assert sorted(learned + stopping) == list(range(600))
    queries = [{known[i].query for i in part} for part in (learned, stopping)]
    assert not queries[0] & queries[1]
    assert 30 <= len(queries[1]) <= 90  # a fifth


def test_hardly_any_query_serves_both_ends() -> None:
    assert parted(rows(1)) == ([0, 1], [0, 1])
