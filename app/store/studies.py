"""Studies: what is to be worked through, and the versions of their guidelines."""

from collections.abc import Collection, Sequence
from uuid import UUID

import sqlalchemy as sa

from app.store.engine import Connection, storable
from app.store.errors import Conflict, UnknownReference
from app.store.study_records import FREE, Guidelines, Plan, Study, StudyStatus
from app.store.study_tables import GUIDELINES, STUDY
from app.store.tables import QUERY, to_record

TAKEN = "a study is called so already; choose another name"


def add(connection: Connection, study: Study) -> Study:
    """Store a study. The same one again changes nothing; raises Conflict if its name is taken."""
    if (known := find(connection, study.id)) is not None:
        return known
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(STUDY).values(_values(study)))
    except sa.exc.IntegrityError:
        raise Conflict(TAKEN) from None
    return get(connection, study.id)


def find(connection: Connection, study_id: UUID) -> Study | None:
    """The study of this id, or None."""
    row = connection.execute(sa.select(STUDY).where(STUDY.c.id == study_id)).mappings().first()
    return None if row is None else to_record(row, Study)


def get(connection: Connection, study_id: UUID) -> Study:
    """The study of this id. Raises UnknownReference."""
    study = find(connection, study_id)
    if study is None:
        raise UnknownReference("there is no such study")
    return study


def of_query(connection: Connection, query_id: UUID) -> Study:
    """The study that a query is asked in; of a free question the one that is always there."""
    named = sa.select(QUERY.c.study_id).where(QUERY.c.id == query_id)
    return get(connection, connection.execute(named).scalar() or FREE)


def all(connection: Connection) -> Sequence[Study]:
    """Every study, Free questions first, then the oldest first."""
    statement = sa.select(STUDY).order_by(STUDY.c.created_ms, STUDY.c.id)
    return [to_record(row, Study) for row in connection.execute(statement).mappings()]


def change(
    connection: Connection,
    study_id: UUID,
    *,
    name: str | None = None,
    status: StudyStatus | None = None,
    plan: Plan | None = None,
) -> Study:
    """Change a study; what is None stays. Raises UnknownReference, or Conflict if the name is taken."""
    study = get(connection, study_id)
    wanted = {"name": name, "status": status, "plan": plan}
    changed = study.model_copy(
        update={key: value for key, value in wanted.items() if value is not None}
    )
    try:
        with connection.begin_nested():
            connection.execute(
                sa.update(STUDY).where(STUDY.c.id == study_id).values(_values(changed))
            )
    except sa.exc.IntegrityError:
        raise Conflict(TAKEN) from None
    return get(connection, study_id)


def lock(connection: Connection, study_ids: Collection[UUID]) -> None:
    """Let nobody else hand out items of these studies, or count what is done, until the end.

    Taken after the rows of people, in one order everywhere. On SQLite nobody else writes anyway.
    """
    wanted = sa.select(STUDY.c.id).where(STUDY.c.id.in_(study_ids))
    connection.execute(wanted.order_by(STUDY.c.id).with_for_update(key_share=True)).all()


def set_guidelines(connection: Connection, study_id: UUID, text: str) -> Study:
    """A new version of the guidelines, unless it says what holds already, which without any is nothing.

    Raises UnknownReference.
    """
    lock(connection, [study_id])
    study = get(connection, study_id)
    text = storable(text)
    if text == guidelines_text(connection, study) or not (text.strip() or study.guidelines):
        return study
    added = Guidelines(study_id=study_id, number=study.guidelines + 1, text=text)
    connection.execute(sa.insert(GUIDELINES).values(added.model_dump()))
    connection.execute(
        sa.update(STUDY).where(STUDY.c.id == study_id).values(guidelines=added.number)
    )
    return get(connection, study_id)


def guidelines(connection: Connection, study_id: UUID, number: int) -> Guidelines | None:
    """That version of the guidelines, or None."""
    statement = sa.select(GUIDELINES).where(
        GUIDELINES.c.study_id == study_id, GUIDELINES.c.number == number
    )
    row = connection.execute(statement).mappings().first()
    return None if row is None else to_record(row, Guidelines)


def guidelines_text(connection: Connection, study: Study) -> str:
    """What the guidelines that hold say; empty without any."""
    newest = guidelines(connection, study.id, study.guidelines)
    return newest.text if newest else ""


def _values(study: Study) -> dict[str, object]:
    return study.model_dump() | {
        "name": storable(study.name),
        "plan": study.plan.model_dump(mode="json"),
    }
