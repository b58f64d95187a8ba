"""Who was preferred to whom in a study so far: what its votes and rankings come to, pair by pair of versions."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.store.engine import Connection
from app.store.study_records import AssignmentState
from app.store.study_tables import ASSIGNMENT
from app.store.tables import RESPONSE, SIGNAL
from rlhb_core.schema.outcomes import ranking
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.signals import DECIDING, SignalKind

Wins = Mapping[tuple[UUID, UUID], float]
"""How often the first version was preferred to the second; a tie is half a win each."""


def wins(connection: Connection, study_id: UUID) -> Wins:
    """What people have said in a study, each comparison by its last word."""
    done = (ASSIGNMENT.c.study_id == study_id) & (ASSIGNMENT.c.state == AssignmentState.DONE)
    wrote: dict[UUID, dict[UUID, UUID]] = defaultdict(dict)
    for query_id, response_id, version_id in connection.execute(
        sa.select(RESPONSE.c.query_id, RESPONSE.c.id, RESPONSE.c.version_id)
        .join(ASSIGNMENT, ASSIGNMENT.c.query_id == RESPONSE.c.query_id)
        .where(done)
    ):
        wrote[query_id][response_id] = version_id
    said = connection.execute(
        sa.select(SIGNAL.c.query_id, SIGNAL.c.kind, SIGNAL.c.payload)
        .join(ASSIGNMENT, ASSIGNMENT.c.query_id == SIGNAL.c.query_id)
        .where(done, SIGNAL.c.kind.in_(sorted(DECIDING)))
        .order_by(SIGNAL.c.at_ms, SIGNAL.c.received_ms, SIGNAL.c.id)
    )
    last = {query_id: (kind, payload) for query_id, kind, payload in said}
    found: dict[tuple[UUID, UUID], float] = defaultdict(float)
    for query_id, (kind, payload) in last.items():
        places = _places(kind, payload, wrote[query_id])
        for one, place in places.items():
            for other, lower in places.items():
                versions = wrote[query_id][one], wrote[query_id][other]
                if one != other and versions[0] != versions[1] and place <= lower:
                    found[versions] += 1 if place < lower else 0.5
    return dict(found)


def _places(
    kind: SignalKind, payload: Mapping[str, Any], wrote: Mapping[UUID, UUID]
) -> dict[UUID, int]:
    """The place of each answer that something was said of."""
    if kind is SignalKind.RANK:
        groups = enumerate(ranking(payload))
        return {each: place for place, group in groups for each in group if each in wrote}
    if payload["choice"] == VoteChoice.TIE:
        return dict.fromkeys(wrote, 0)
    best = UUID(str(payload["best"])) if payload["choice"] == VoteChoice.BEST else None
    return {each: int(each != best) for each in wrote} if best in wrote else {}
