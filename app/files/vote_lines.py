"""Votes and rankings as Comparison lines: which answers were compared, and how it went. Knows no SQL and no HTTP."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from app.files.lines import NOBODY, Lines, in_blocks, moment
from app.store import DataFilter, Store, behaviors
from app.store.exports import Voted, comparisons
from rlhb_core.schema.answers import can_win, failed
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import AGAIN, SAME_ANSWER, SCHEMA_VERSION, Outcome


class Compared(NamedTuple):
    """A line, and the rows of the answers behind it."""

    line: dict[str, Any]
    rows: Sequence[Any]

    @property
    def is_again(self) -> bool:
        """Whether its reader had judged the same answers before: said of one thing twice, it teaches once."""
        return bool(self.line["purpose"] == AGAIN)


def comparison_lines(store: Store, chosen: DataFilter) -> Lines:
    """Every vote or ranking that says something, as Comparison lines; skipped and withdrawn ones do not."""
    return in_blocks(each.line for each in compared_answers(store, chosen))


def compared_answers(
    store: Store, chosen: DataFilter, with_untold: bool = False
) -> Iterator[Compared]:
    """The same with the answers' own rows. `with_untold`: votes between versions, too, whose answers no file told:
    their responses are empty and teach nothing.
    """
    behaviors.refresh(store)
    with store.reading() as connection:
        for each in comparisons(connection, chosen, with_untold):
            line = _comparison(each, chosen.with_people)
            if line is not None:
                yield Compared(line, each.rows)


def _comparison(voted: Voted, with_people: bool) -> dict[str, Any] | None:
    """One vote, or None if fewer than two different answers were compared or the chosen one is none to choose."""
    vote, rows, missing = voted
    shown = [_Told(rows) for rows in alike(_as_shown(rows)).values()]
    if is_ranked := any(each.place for each in shown):
        shown = [each for each in shown if each.place]
    said = {each.vote for each in shown}
    won = [index for index, each in enumerate(shown) if each.vote == "won"]
    if len(shown) < 2 or (not is_ranked and said & {"won", "lost"} and len(won) != 1):
        return None
    if won and not can_win(Outcome(shown[won[0]].row.outcome), shown[won[0]].response):
        return None
    first = shown[0].row
    choice = VoteChoice.BEST if won else VoteChoice.TIE if "tied" in said else VoteChoice.ALL_BAD
    befores = [orjson.loads(each.before) for each in shown]
    are_alike = all(before == befores[0] for before in befores)
    voted_ms = vote.at_ms if vote is not None else max(each.row.answered for each in shown)
    return {
        "schema_version": SCHEMA_VERSION,
        "query_id": first.query_id,
        "query": first.query,
        "history": befores[0] if are_alike else [],
        "histories": None if are_alike else befores,
        "conversation": first.conversation,
        "turn": first.turn,
        "responses": [each.response for each in shown],
        "model_versions": [each.model_versions for each in shown],
        "choice": choice,
        "best": won[0] if won else None,
        "early": vote is not None and bool(vote.payload.get("early", False)),
        "strength": shown[won[0]].strength if won else None,
        "places": [each.place for each in shown] if is_ranked else None,
        "says_names": sorted({each.row.says_name for each in shown if each.row.says_name}),
        "study": first.study_id,
        "purpose": first.purpose,
        "missing": list(missing),
        "source": first.source,
        "voted_at": moment(voted_ms),
        "person": str(first.person_id) if with_people and first.person_id not in NOBODY else None,
        "unblinded": vote.unblinded
        if vote is not None
        else any(each.row.unblinded for each in shown),
    }


class _Told:
    """Answers with the same text, as the one response that they are."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.row = next((row for row in rows if row.vote == "won"), rows[0])
        self.vote = self.row.vote
        features = orjson.loads(self.row.features)
        self.strength, self.place = features.get("strength"), features.get("place")
        self.response, self.before = rows[0].response, self.row.history
        self.model_versions = SAME_ANSWER.join(dict.fromkeys(row.model_version for row in rows))


def alike(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """The rows by their text without the white space around it; each by itself whose text is not known."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        said = str(row.response_id) if row.outcome == Outcome.UNTOLD else row.response.strip()
        found.setdefault(said, []).append(row)
    return found


def _as_shown(rows: Sequence[Any]) -> list[Any]:
    """The answers that the vote was about, one per place: of an answer and its regeneration, the chosen or the last.

    Answers that failed, or were stopped before they said anything, are left out:
    passing over them says nothing about a model.
    """
    rows = [row for row in rows if not did_fail(row)]
    chosen = {row.response_id for row in rows if row.vote == "won"}
    replaced = {row.replaces for row in rows if row.replaces is not None} - chosen
    return [
        row
        for row in rows
        if row.response_id not in replaced and (row.replaces is None or row.replaces not in chosen)
    ]


def did_fail(row: Any) -> bool:
    """Whether the answer of a row never came."""
    return failed(Outcome(row.outcome), row.response)
