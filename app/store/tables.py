"""The tables: core records plus keys, and a little that only the database needs to know.

A row never leaves the store: `to_record` turns it into the core record it stands for. Does not know any query.
(mypy is told to ignore that Record and SQLModel configure pydantic each in their own way.)
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from rlhb_core.schema.arms import Arm
from rlhb_core.schema.record import Record
from rlhb_core.schema.records import (
    Deployment,
    ModelVersion,
    Outcome,
    Person,
    Query,
    Response,
    Run,
    RunStatus,
    Serving,
    Source,
)
from rlhb_core.schema.signals import Signal, SignalKind

AnyRecord = TypeVar("AnyRecord", bound=Record)


class TableRow(SQLModel):
    """Base of all tables; constraints have names, so that migrations can speak of them."""

    metadata = sa.MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


def text_enum(kind: type[StrEnum]) -> sa.Enum:
    """Stored as the value's text: a new member needs no migration, and any tool can read it."""
    return sa.Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=20,
        values_callable=lambda members: [member.value for member in members],
    )


class ArmText(sa.TypeDecorator[Arm]):
    """The name of an arm, of this installation or of another one."""

    impl = sa.String(20)
    cache_ok = True

    def process_bind_param(self, value: Arm | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Arm | None:
        return None if value is None else Arm(value)


class PersonRow(Person, TableRow, table=True):  # type: ignore[misc]
    """Someone who asks and reacts, and how far their behaviours are summarised."""

    __tablename__ = "person"

    id: UUID = Field(primary_key=True)
    source: Source = Field(sa_type=text_enum(Source))
    created_ms: int = Field(sa_type=sa.BigInteger)
    excluded: bool = Field(default=False, description="Left out of exports and training.")
    changes: int = Field(default=0, description="Counts what was recorded of this person.")
    summarised: int = Field(
        default=0, description="Value of `changes` when behaviours were last summarised."
    )
    behaviors_version: int = Field(
        default=0, description="Version of the rules that the behaviours were summarised by."
    )


class QueryRow(Query, TableRow, table=True):  # type: ignore[misc]
    """What a person asked."""

    __tablename__ = "query"
    __table_args__ = (
        sa.Index("ix_query_person_id", "person_id", "created_ms"),
        sa.Index("ix_query_created_ms", "created_ms", "id"),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    text: str = Field(sa_type=sa.Text)
    source: Source = Field(sa_type=text_enum(Source))
    created_ms: int = Field(sa_type=sa.BigInteger)
    recorded: bool = Field(
        default=True, description="False if recording was paused, so that behaviours are missing."
    )
    study_id: UUID | None = Field(
        default=None, description="The study that it was asked in; null for free questions."
    )
    guidelines: int = Field(
        default=0,
        sa_column_kwargs={"server_default": "0"},
        description="Version of the study's guidelines then.",
    )
    revealed_ms: int | None = Field(
        default=None,
        sa_type=sa.BigInteger,
        description="When the first vote came, by our clock: names are in view from then on. Never for simulated "
        "people.",
    )
    stays_blind: bool = Field(
        default=False,
        sa_column_kwargs={"server_default": sa.false()},
        description="True where names are not shown, not even after the vote.",
    )
    turn: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    history: list[Any] = Field(
        default=[], sa_type=sa.JSON, sa_column_kwargs={"server_default": "[]"}
    )
    own_threads: bool = Field(
        default=False,
        sa_column_kwargs={"server_default": sa.false()},
        description="True where each version goes on with its own answers.",
    )


class VersionRow(ModelVersion, TableRow, table=True):  # type: ignore[misc]
    """One generator with its lineage; or, with `imported`, one that is known by name only."""

    __tablename__ = "version"
    __table_args__ = (
        sa.Index(
            "uq_version_name",
            "name",
            unique=True,
            sqlite_where=sa.text("NOT imported"),
            postgresql_where=sa.text("NOT imported"),
        ),
    )

    id: UUID = Field(primary_key=True)
    arm: Arm | None = Field(sa_type=ArmText, nullable=True)  # type: ignore[assignment]
    serving: Serving = Field(sa_type=text_enum(Serving))
    parent_id: UUID | None = Field(foreign_key="version.id")
    run_id: UUID | None = Field(foreign_key="run.id")
    created_ms: int = Field(sa_type=sa.BigInteger)
    imported: bool = Field(
        default=False, description="Known by name from imported data; cannot be served."
    )


class ResponseRow(Response, TableRow, table=True):  # type: ignore[misc]
    """What one version answered. Place and probability are unknown (null) for some imported answers."""

    __tablename__ = "response"
    __table_args__ = (sa.Index("ix_response_created_ms", "created_ms", "id"),)

    id: UUID = Field(primary_key=True)
    query_id: UUID = Field(foreign_key="query.id", index=True)
    version_id: UUID = Field(foreign_key="version.id", index=True)
    position: int | None = Field(nullable=True)  # type: ignore[assignment]
    draw_probability: float | None = Field(nullable=True)  # type: ignore[assignment]
    text: str = Field(sa_type=sa.Text)
    outcome: Outcome = Field(sa_type=text_enum(Outcome))
    says_name: str = Field(default="", max_length=80, sa_column_kwargs={"server_default": ""})
    created_ms: int = Field(sa_type=sa.BigInteger)
    replaces: UUID | None = Field(foreign_key="response.id", index=True)
    history: list[Any] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    left_out: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class SignalRow(Signal, TableRow, table=True):  # type: ignore[misc]
    """One recorded act. `received_ms` is the server's clock, `at_ms` the client's, set right by it."""

    __tablename__ = "signal"

    id: UUID = Field(primary_key=True)
    kind: SignalKind = Field(sa_type=text_enum(SignalKind))
    person_id: UUID = Field(foreign_key="person.id", index=True)
    query_id: UUID = Field(foreign_key="query.id", index=True)
    response_id: UUID | None = Field(foreign_key="response.id", index=True)
    at_ms: int = Field(sa_type=sa.BigInteger)
    page_opened_ms: int = Field(sa_type=sa.BigInteger)
    received_ms: int = Field(sa_type=sa.BigInteger)
    payload: dict[str, Any] = Field(sa_type=sa.JSON)


class BehaviorRow(TableRow, table=True):
    """All that one person did with one response, summarised from the signals or, with `given`, imported."""

    __tablename__ = "behavior"

    response_id: UUID = Field(primary_key=True, foreign_key="response.id")
    person_id: UUID = Field(foreign_key="person.id", index=True)
    features: str = Field(sa_type=sa.Text, description="BehaviorFeatures as JSON text.")
    text: str = Field(sa_type=sa.Text)
    vote: str | None = Field(default=None, max_length=20, description="The vote among `features`.")
    verbaliser_version: int
    given: bool = Field(default=False, description="Imported as it is; no signals stand behind it.")
    open_features: str | None = Field(
        default=None,
        sa_type=sa.Text,
        description="`features` with what was done while names were in view, if that makes another; so the next two.",
    )
    open_text: str | None = Field(default=None, sa_type=sa.Text)
    open_vote: str | None = Field(default=None, max_length=20)
    never_blind: bool = Field(
        default=False,
        description="Only ever read with names in view, so that the blind columns say nothing.",
    )


class RunRow(Run, TableRow, table=True):  # type: ignore[misc]
    """One training run."""

    __tablename__ = "run"

    id: UUID = Field(primary_key=True)
    arm: Arm = Field(sa_type=ArmText)
    # The two tables name each other, so one of the keys is added once both exist.
    parent_id: UUID | None = Field(
        sa_column=sa.Column(
            sa.Uuid, sa.ForeignKey("version.id", name="fk_run_parent_id", use_alter=True)
        )
    )
    status: RunStatus = Field(sa_type=text_enum(RunStatus))
    created_ms: int = Field(sa_type=sa.BigInteger)
    ended_ms: int | None = Field(sa_type=sa.BigInteger)


class DeploymentRow(Deployment, TableRow, table=True):  # type: ignore[misc]
    """The set of versions that are served from a moment on."""

    __tablename__ = "deployment"

    id: UUID = Field(primary_key=True)
    served: list[UUID] = Field(sa_type=sa.JSON)
    created_ms: int = Field(sa_type=sa.BigInteger, index=True)


def table(row: type[TableRow]) -> sa.Table:
    """The SQLAlchemy table behind a row class."""
    found = row.metadata.tables[str(row.__tablename__)]
    assert isinstance(found, sa.Table)
    return found


PERSON, QUERY, VERSION, RESPONSE, SIGNAL, BEHAVIOR, RUN, DEPLOYMENT = (
    table(row)
    for row in (
        PersonRow, QueryRow, VersionRow, ResponseRow, SignalRow, BehaviorRow, RunRow, DeploymentRow
    )
)  # fmt: skip


NAMED_MS: sa.ColumnElement[int | None] = sa.case(
    (QUERY.c.stays_blind, sa.null()), else_=QUERY.c.revealed_ms
)
"""Since when the names of the versions are in view."""


def to_record(row: Mapping[Any, Any], kind: type[AnyRecord]) -> AnyRecord:
    """The core record of a stored row: its own fields only, checked again on the way out."""
    return kind.model_validate({name: row[name] for name in kind.model_fields})
