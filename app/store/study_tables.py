"""The tables of studies: the records of `study_records.py` plus keys. Does not know any query."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from app.store.study_records import (
    Assignment,
    AssignmentState,
    Guidelines,
    Item,
    Prepared,
    Purpose,
    Study,
    StudyStatus,
)
from app.store.tables import TableRow, table, text_enum
from rlhb_core.schema.records import Outcome


class StudyRow(Study, TableRow, table=True):  # type: ignore[misc]
    """Something to work through."""

    __tablename__ = "study"

    id: UUID = Field(primary_key=True)
    name: str = Field(max_length=80, unique=True)
    status: StudyStatus = Field(sa_type=text_enum(StudyStatus))
    plan: dict[str, Any] = Field(sa_type=sa.JSON)  # type: ignore[assignment]
    created_ms: int = Field(sa_type=sa.BigInteger)


class GuidelinesRow(Guidelines, TableRow, table=True):  # type: ignore[misc]
    """One version of the guidelines of a study."""

    __tablename__ = "guidelines"

    study_id: UUID = Field(primary_key=True, foreign_key="study.id")
    number: int = Field(primary_key=True)
    text: str = Field(sa_type=sa.Text)
    since_ms: int = Field(sa_type=sa.BigInteger)


class ItemRow(Item, TableRow, table=True):  # type: ignore[misc]
    """A question that is handed out."""

    __tablename__ = "item"
    __table_args__ = (
        sa.UniqueConstraint("study_id", "digest", name="uq_item_digest"),
        sa.Index("ix_item_study_id", "study_id", "number"),
    )

    id: UUID = Field(primary_key=True)
    study_id: UUID = Field(foreign_key="study.id")
    text: str = Field(sa_type=sa.Text)
    history: list[Any] = Field(sa_type=sa.JSON)
    tags: list[str] = Field(sa_type=sa.JSON)
    created_ms: int = Field(sa_type=sa.BigInteger)
    digest: str = Field(max_length=64, description="Of what is asked: the same twice is one item.")
    shuffle: int = Field(sa_type=sa.BigInteger, description="Its place in an order by lot.")
    asked_by: UUID | None = Field(
        default=None,
        index=True,
        description="The person who asked it first, if it was taken from the store.",
    )


class PreparedRow(Prepared, TableRow, table=True):  # type: ignore[misc]
    """An answer to an item that is there before anybody is shown it."""

    __tablename__ = "prepared"
    __table_args__ = (
        sa.UniqueConstraint(
            "item_id", "for_person", "version_id", "nth", name="uq_prepared_item_id"
        ),
    )

    id: UUID = Field(primary_key=True)
    item_id: UUID = Field(foreign_key="item.id")
    version_id: UUID = Field(foreign_key="version.id", index=True)
    text: str = Field(sa_type=sa.Text)
    outcome: Outcome = Field(sa_type=text_enum(Outcome))
    condition: str | None = Field(sa_type=sa.Text)
    left_out: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    created_ms: int = Field(sa_type=sa.BigInteger)


class AssignmentRow(Assignment, TableRow, table=True):  # type: ignore[misc]
    """An item that somebody is given, each at most once for each time: the database refuses a second."""

    __tablename__ = "assignment"
    __table_args__ = (
        sa.UniqueConstraint("item_id", "person_id", "again", name="uq_assignment_item_id"),
        sa.Index("ix_assignment_study_id", "study_id", "person_id"),
    )

    id: UUID = Field(primary_key=True)
    study_id: UUID = Field(foreign_key="study.id")
    item_id: UUID = Field(foreign_key="item.id")
    person_id: UUID = Field(foreign_key="person.id", index=True)
    purpose: Purpose = Field(sa_type=text_enum(Purpose))
    state: AssignmentState = Field(sa_type=text_enum(AssignmentState))
    drawn: list[Any] = Field(sa_type=sa.JSON)
    query_id: UUID | None = Field(foreign_key="query.id", unique=True)
    reserved_ms: int = Field(sa_type=sa.BigInteger)
    expires_ms: int = Field(sa_type=sa.BigInteger)
    shown_ms: int | None = Field(sa_type=sa.BigInteger)
    ended_ms: int | None = Field(sa_type=sa.BigInteger)


STUDY, GUIDELINES, ITEM, PREPARED, ASSIGNMENT = (
    table(row) for row in (StudyRow, GuidelinesRow, ItemRow, PreparedRow, AssignmentRow)
)
