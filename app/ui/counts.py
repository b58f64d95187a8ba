"""Counts in words: what each number counts, and what became of the rest, so that the numbers on the page add up.

Makes HTML of counts; counts nothing itself.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import TypeVar

from app.store.exports import LeftOut, Taken
from app.store.summary import Counts, QueryState, VoteOutcome
from rlhb_core.schema.records import Outcome

Kind = TypeVar("Kind", bound=str)

QUERIES: dict[QueryState, str] = {
    "voted": "with a vote that counts",
    "void": "with a vote that tells nothing (no two different answers)",
    "skipped": "skipped",
    "withdrawn": "with the vote taken back",
    "unblinded": "voted on with names in view",
    "unvoted": "without a vote",
}
VOTES: dict[VoteOutcome, str] = {
    "counts": "count",
    "given": "count and were read from a file with their answers",
    "void": "tell nothing (no two different answers)",
    "skipped": "skipped the comparison",
    "unblinded": "were cast with names in view",
    "replaced": "were changed or taken back later",
}
ANSWERS: dict[Outcome, str] = {
    Outcome.OK: "complete",
    Outcome.CUT: "cut at the token limit",
    Outcome.EMPTY: "empty",
    Outcome.ERROR: "failed",
    Outcome.STOPPED: "stopped",
    Outcome.UNTOLD: "known only by how the vote on them went",
}
LEFT_OUT: dict[LeftOut, str] = {
    "earlier": "to queries asked before that day",
    "other versions": "by other arms",
    "excluded people": "of people who are marked as excluded",
    "without a text": "whose text no file told",
    "paused": "to queries asked or read while recording was paused",
    "names in view": "that were written when the names were in view already",
}

NUMBERS = (
    ("queries", "Queries that were asked."),
    ("answers", "Answers that are finished, whichever way."),
    ("signals", "Recorded acts, from reading to voting."),
    ("votes", "Queries with a vote that counts: the best, a tie, or all bad."),
    ("people", "People who asked something."),
)


def numbers(found: Counts) -> str:
    """The counts of one source as a list of numbers, and under it how they add up."""
    counted = (
        found.queries, found.responses, found.signals, found.query_states["voted"], found.people
    )  # fmt: skip
    cells = "".join(
        f'<div title="{escape(sentence)}"><dt>{name}</dt><dd>{count:,}</dd></div>'
        for (name, sentence), count in zip(NUMBERS, counted, strict=True)
    )
    lines = (
        (found.queries, "query", "queries", _parts(found.query_states, QUERIES)),
        (found.votes, "vote cast", "votes cast", _parts(found.vote_states, VOTES)),
        (found.responses, "answer", "answers", _parts(found.outcomes, ANSWERS)),
    )
    return f"<dl>{cells}</dl>{_list(_line(*line) for line in lines if line[0])}"


def left_out(found: Taken, votes: int, compared: int | None) -> str:
    """What a filter leaves out of the answers that are there, and of the votes; nothing if it takes all."""
    lines = []
    if found.responses > found.triplets:
        parts = [f"{found.triplets:,} taken", *_parts(found.left_out, LEFT_OUT)]
        lines.append(_line(found.responses, "answer", "answers", parts))
    if compared is not None and compared < votes:
        rest = votes - compared
        parts = [f"{compared:,} give a comparison" if compared != 1 else "1 gives a comparison"]
        parts.append(f"{rest:,} among fewer than two different answers that came")
        lines.append(_line(votes, "vote", "votes", parts))
    return _list(lines)


def _parts(found: Mapping[Kind, int], words: Mapping[Kind, str]) -> list[str]:
    return [f"{found[kind]:,} {said}" for kind, said in words.items() if found.get(kind)]


def _line(count: int, one: str, many: str, parts: Iterable[str]) -> str:
    return f"{count:,} {one if count == 1 else many}: {', '.join(parts)}."


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="adds-up">{items}</ul>' if items else ""
