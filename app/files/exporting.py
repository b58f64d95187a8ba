"""Store -> JSON lines: what is downloaded, and what a run is trained on. One function writes both.

Holds how a line looks. Lines come in blocks of bytes, whole lines each, so that memory stays flat and the web server
is not woken for every row. Knows no SQL and no HTTP.

* triplets: <query, response, behaviour>, the Triplet record; `importing.py` reads it back.
* comparisons: the votes, the Comparison record.
* preferences: prompt / chosen / rejected, and labels: prompt / completion / label, as TRL's trainers load them.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from app.store import DataFilter, Store, behaviors, exports, joined
from app.store.exports import Amounts, comparisons, edits, readings, triplets
from app.store.imports import UNNAMED
from rlhb_core.errors import BadConfig
from rlhb_core.schema.answers import failed, preferred
from rlhb_core.schema.behaviors import parse, preference_score
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import SAME_ANSWER, SCHEMA_VERSION, Outcome

__all__ = [
    "EXPORTS",
    "Amounts",
    "DataFilter",
    "amounts",
    "compared",
    "comparison_lines",
    "label_lines",
    "preference_lines",
    "start_of",
    "taken",
    "triplet_lines",
    "write_lines",
]

LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
NOBODY = frozenset(UNNAMED.values())
Lines = Generator[bytes, None, None]
"""JSON lines in blocks, whole lines each."""
CLEAR = 0.5
"""A behaviour is a label if it speaks for or against the answer by at least this much, in likes."""


def triplet_lines(store: Store, chosen: DataFilter) -> Lines:
    """Every finished response with what its reader did, as Triplet lines, oldest first."""
    behaviors.refresh(store)
    with store.reading() as connection:
        for block in triplets(connection, chosen):
            yield b"".join([_triplet(row, chosen.with_people) for row in block])


def _triplet(row: Any, with_people: bool) -> bytes:
    # Unpacked by position and in the order of the Triplet record: this is the hot loop of an export.
    (
        verbaliser_version, query_id, response_id, query, response, arm, model_version, condition,
        position, draw_probability, outcome, source, asked, answered, person_id, behavior_text,
        features, _, unblinded,
    ) = row  # fmt: skip
    return orjson.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "verbaliser_version": verbaliser_version,
            "query_id": query_id,
            "response_id": response_id,
            "query": query,
            "response": response,
            "behavior_text": behavior_text,
            "behavior_features": orjson.Fragment(features),
            "arm": arm,
            "model_version": model_version,
            "condition": condition,
            "position": position,
            "draw_probability": draw_probability,
            "outcome": outcome,
            "source": source,
            "asked_at": _moment(asked),
            "answered_at": _moment(answered),
            "person": person_id if with_people and UUID(person_id) not in NOBODY else None,
            "unblinded": unblinded,
        },
        option=LINE,
    )


def comparison_lines(store: Store, chosen: DataFilter) -> Lines:
    """Every vote or ranking that says something, as Comparison lines; skipped and withdrawn ones do not."""
    return _in_blocks(_comparisons(store, chosen))


def _comparisons(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    behaviors.refresh(store)
    with store.reading() as connection:
        for vote, rows in comparisons(connection, chosen):
            line = _comparison(vote, rows, chosen.with_people)
            if line is not None:
                yield line


def _comparison(vote: Any, rows: Sequence[Any], with_people: bool) -> dict[str, Any] | None:
    """One vote, or None if fewer than two different answers were compared or the chosen one is none to choose."""
    shown = [_Told(rows) for rows in _alike(_as_shown(rows)).values()]
    if is_ranked := any(each.place for each in shown):
        shown = [each for each in shown if each.place]
    said = {each.vote for each in shown}
    won = [index for index, each in enumerate(shown) if each.vote == "won"]
    if len(shown) < 2 or (not is_ranked and said & {"won", "lost"} and len(won) != 1):
        return None
    if won and not shown[won[0]].response.strip():
        return None
    first = shown[0].row
    choice = VoteChoice.BEST if won else VoteChoice.TIE if "tied" in said else VoteChoice.ALL_BAD
    voted = vote.at_ms if vote is not None else max(each.row.answered for each in shown)
    return {
        "schema_version": SCHEMA_VERSION,
        "query_id": first.query_id,
        "query": first.query,
        "responses": [each.response for each in shown],
        "model_versions": [each.model_versions for each in shown],
        "choice": choice,
        "best": won[0] if won else None,
        "early": vote is not None and bool(vote.payload.get("early", False)),
        "strength": shown[won[0]].strength if won else None,
        "places": [each.place for each in shown] if is_ranked else None,
        "source": first.source,
        "voted_at": _moment(voted),
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
        self.response = rows[0].response
        self.model_versions = SAME_ANSWER.join(dict.fromkeys(row.model_version for row in rows))


def _alike(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """The rows by their text without the white space around it."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.response.strip(), []).append(row)
    return found


def _as_shown(rows: Sequence[Any]) -> list[Any]:
    """The answers that the vote was about, one per place: of an answer and its regeneration, the chosen or the last.

    Answers that failed, or were stopped before they said anything, are left out:
    passing over them says nothing about a model.
    """
    rows = [row for row in rows if not _failed(row)]
    chosen = {row.response_id for row in rows if row.vote == "won"}
    replaced = {row.replaces for row in rows if row.replaces is not None} - chosen
    return [
        row
        for row in rows
        if row.response_id not in replaced and (row.replaces is None or row.replaces not in chosen)
    ]


def _failed(row: Any) -> bool:
    return failed(Outcome(row.outcome), row.response)


def preference_lines(store: Store, chosen: DataFilter) -> Lines:
    """The chosen answer against each other one, of ranked ones each against each that stands lower; then what people
    made of an answer against what it was. As TRL's DPO and reward trainers load it (conversations); `from` tells
    which: vote, rank or edit.
    """
    return _in_blocks(chain(_chosen_over(store, chosen), _edited_over(store, chosen)))


def _chosen_over(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    for line in _comparisons(store, chosen):
        kind = "vote" if line["places"] is None else "rank"
        for better, worse in preferred(line["places"], line["best"], len(line["responses"])):
            chosen_one, other = line["responses"][better], line["responses"][worse]
            if chosen_one.strip():
                yield _preference(line["query"], chosen_one, other, kind, line["unblinded"])


def _edited_over(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    """An edit taken back is none, nor is one that changes nothing; of equal answers to a query one is enough."""
    with store.reading() as connection:
        for _, rows in groupby(edits(connection, chosen), key=attrgetter("query_id")):
            for same in _alike([row for row in rows if not _failed(row)]).values():
                row = same[0]
                edited = orjson.loads(row.features).get("edited_text") or ""
                if edited.strip() and edited.strip() != row.response.strip():
                    yield _preference(row.query, edited, row.response, "edit", row.unblinded)


def _preference(
    query: str, better: str, worse: str, source: str, unblinded: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "prompt": _says("user", query),
        "chosen": _says("assistant", better),
        "rejected": _says("assistant", worse),
        "from": source,
    }
    return found | {"unblinded": True} if unblinded else found


def label_lines(store: Store, chosen: DataFilter) -> Lines:
    """Answers that their readers' behaviour clearly speaks for (true) or against (false), as TRL's KTO loads them.

    One line for each query and answer, whoever read them: those whose behaviour is clear decide by their mean score; if
    that is not clear, they cancel each other and there is no line.
    """
    return _in_blocks(_labels(store, chosen))


def _labels(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    behaviors.refresh(store)
    score = cache(lambda text: preference_score(parse(text)))  # few texts, many rows
    with store.reading() as connection:
        rows = readings(connection, chosen)
        for (query, response), same in groupby(rows, key=attrgetter("asked", "answer")):
            clear = [s for row in same if abs(s := score(row.behavior_text)) >= CLEAR]
            if clear and abs(mean := sum(clear) / len(clear)) >= CLEAR:
                yield {
                    "prompt": _says("user", query),
                    "completion": _says("assistant", response),
                    "label": mean > 0,
                }


def _says(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def _in_blocks(lines: Iterator[dict[str, Any]]) -> Lines:
    return joined(orjson.dumps(line, option=LINE) for line in lines)


EXPORTS: dict[str, Callable[[Store, DataFilter], Lines]] = {
    "triplets": triplet_lines,
    "comparisons": comparison_lines,
    "preferences": preference_lines,
    "labels": label_lines,
}
"""Everything that can be downloaded, by name."""


def write_lines(path: Path, blocks: Iterator[bytes]) -> int:
    """Write an export to a file, whole or not at all; returns the number of lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    lines = 0
    with draft.open("wb") as file:
        for block in blocks:
            file.write(block)
            lines += block.count(b"\n")
    draft.replace(path)
    return lines


def amounts(store: Store, chosen: DataFilter) -> Amounts:
    """How much the filter lets through: a quick look before a run."""
    behaviors.refresh(store)
    with store.reading() as connection:
        return exports.amounts(connection, chosen)


def taken(store: Store, chosen: DataFilter) -> exports.Taken:
    """What the filter takes of the responses that are there, and why it leaves out the others."""
    behaviors.refresh(store)
    with store.reading() as connection:
        return exports.taken(connection, chosen)


def compared(store: Store, chosen: DataFilter) -> int:
    """How many of the votes give a comparison: those among at least two different answers that came."""
    return sum(1 for _ in _comparisons(store, chosen))


NOT_KNOWN = datetime.fromtimestamp(0, UTC)


def _moment(ms: int) -> datetime:
    """A stored time. One that no calendar holds, from a file taken in long ago,
    is told as one that is not known: 1970.
    """
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return NOT_KNOWN


def start_of(day: date) -> int:
    """The first moment of a day where the server stands, in milliseconds since 1970 (UTC). Raises BadConfig."""
    if not 1970 <= day.year < 9999:
        raise BadConfig("since: a day from 1970 on")
    return max(0, int(datetime.combine(day, time.min).astimezone().timestamp() * 1000))
