"""Which rows fresh judges learn from, stop by and are tested on."""

from collections import Counter

from rlhb_core.run.data import Logged
from rlhb_core.verdict.judges import parted

LIKED, NOTHING = "The reader liked it.", "The reader did nothing with it."


def rows(queries: int) -> list[Logged]:
    """Every query twice, with two behaviours."""
    return [
        Logged(f"Query {i // 2}?", "Lima.", (LIKED, NOTHING)[i % 2]) for i in range(2 * queries)
    ]


def test_rows_that_say_when_to_stop_have_queries_of_their_own() -> None:
    stopping, tested = parted(rows(300))
    assert Counter(stopping + tested) == Counter(rows(300))
    queries = [{row.query for row in part} for part in (stopping, tested)]
    assert not queries[0] & queries[1]
    assert 70 <= len(queries[0]) <= 130  # a third


def test_hardly_any_query_is_kept_for_testing() -> None:
    assert parted(rows(1)) == ([], rows(1))
