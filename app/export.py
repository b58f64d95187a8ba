"""Store -> JSON lines: what is downloaded, and what a run is trained on. One function writes both.

Holds how a line looks. Lines come in blocks of bytes, whole lines each, so that memory stays flat and the web server
is not woken for every row. Knows no SQL and no HTTP.

* triplets: <query, response, behaviour>, the Triplet record; `app.importing` reads it back.
* comparisons: the votes, the Comparison record.
* preferences: prompt / chosen / rejected, and labels: prompt / completion / label, as TRL's trainers load them.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from app.store import Store, behaviors, exports
from app.store.exports import Amounts, DataFilter, comparisons, triplets
from app.store.imports import UNNAMED
from app.store.streaming import joined
from rlhb_core.behaviors import parse, preference_score
from rlhb_core.records import SCHEMA_VERSION, Outcome, VoteChoice

__all__ = [
    "EXPORTS",
    "Amounts",
    "DataFilter",
    "amounts",
    "comparison_lines",
    "label_lines",
    "preference_lines",
    "start_of",
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
    with store.reading() as session:
        for block in triplets(session, chosen):
            yield b"".join([_triplet(row, chosen.with_people) for row in block])


def _triplet(row: Any, with_people: bool) -> bytes:
    # Unpacked by position and in the order of the Triplet record: this is the hot loop of an export.
    (
        verbaliser_version, query_id, response_id, query, response, behavior_text, features, arm,
        model_version, condition, position, draw_probability, outcome, source, asked, answered,
        person_id,
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
            "asked_at": datetime.fromtimestamp(asked / 1000, UTC),
            "answered_at": datetime.fromtimestamp(answered / 1000, UTC),
            "person": person_id if with_people and UUID(person_id) not in NOBODY else None,
        },
        option=LINE,
    )


def comparison_lines(store: Store, chosen: DataFilter) -> Lines:
    """Every vote that says something, as Comparison lines: best, tie or all bad; skipped and withdrawn ones do not."""
    return _in_blocks(_comparisons(store, chosen))


def _comparisons(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    behaviors.refresh(store)
    with store.reading() as session:
        for vote, rows in comparisons(session, chosen):
            line = _comparison(vote, rows, chosen.with_people)
            if line is not None:
                yield line


def _comparison(vote: Any, rows: Sequence[Any], with_people: bool) -> dict[str, Any] | None:
    """One vote, or None if fewer than two answers were compared or the chosen one never came."""
    shown = _as_shown(rows)
    said = {row.vote for row in shown}
    won = [index for index, row in enumerate(shown) if row.vote == "won"]
    if len(shown) < 2 or (said & {"won", "lost"} and len(won) != 1):
        return None
    first = shown[0]
    choice = VoteChoice.BEST if won else VoteChoice.TIE if "tied" in said else VoteChoice.ALL_BAD
    voted = vote.at_ms if vote is not None else max(row.answered for row in shown)
    return {
        "schema_version": SCHEMA_VERSION,
        "query_id": first.query_id,
        "query": first.query,
        "responses": [row.response for row in shown],
        "model_versions": [row.model_version for row in shown],
        "choice": choice,
        "best": won[0] if won else None,
        "early": vote is not None and bool(vote.payload.get("early", False)),
        "strength": orjson.loads(shown[won[0]].features).get("strength") if won else None,
        "source": first.source,
        "voted_at": datetime.fromtimestamp(voted / 1000, UTC),
        "person": first.person_id if with_people and first.person_id not in NOBODY else None,
    }


def _as_shown(rows: Sequence[Any]) -> list[Any]:
    """The answers that the vote was about, one per place: of an answer and its regeneration, the chosen or the last.

    Answers that failed, or were stopped before they said anything, are left out: passing over them says nothing
    about a model.
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
    return row.outcome == Outcome.ERROR or (row.outcome == Outcome.STOPPED and not row.response)


def preference_lines(store: Store, chosen: DataFilter) -> Lines:
    """The chosen answer against each other one, as TRL's DPO and reward trainers load it (conversations)."""
    return _in_blocks(
        {
            "prompt": _says("user", line["query"]),
            "chosen": _says("assistant", line["responses"][line["best"]]),
            "rejected": _says("assistant", other),
        }
        for line in _comparisons(store, chosen)
        if line["best"] is not None
        for index, other in enumerate(line["responses"])
        if index != line["best"]
    )


def label_lines(store: Store, chosen: DataFilter) -> Lines:
    """Answers that their readers' behaviour clearly speaks for (true) or against (false), as TRL's KTO loads them."""
    return _in_blocks(_labels(store, chosen))


def _labels(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    behaviors.refresh(store)
    scores: dict[str, float] = {}  # few texts, many rows
    with store.reading() as session:
        for block in triplets(session, chosen):
            for row in block:
                text = row.behavior_text
                score = scores.get(text)
                if score is None:
                    score = scores[text] = preference_score(parse(text))
                if abs(score) >= CLEAR and not _failed(row):
                    yield {
                        "prompt": _says("user", row.query),
                        "completion": _says("assistant", row.response),
                        "label": score > 0,
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
    with store.reading() as session:
        return exports.amounts(session, chosen)


def start_of(day: date) -> int:
    """The first moment of a day where the server stands, in milliseconds since 1970 (UTC)."""
    return int(datetime.combine(day, time.min).astimezone().timestamp() * 1000)
