"""Studies, their guidelines and items, answers that are there beforehand, and who is given what.

Free questions is a study that stands from the start; its queries name no study, as those asked before it did.
"""

from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    study = op.create_table(
        "study",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("guidelines", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_study"),
        sa.UniqueConstraint("name", name="uq_study_name"),
    )
    op.create_table(
        "guidelines",
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_guidelines_study_id"),
        sa.PrimaryKeyConstraint("study_id", "number", name="pk_guidelines"),
    )
    op.create_table(
        "item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("history", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("gold", sa.Integer(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("shuffle", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_item_study_id"),
        sa.PrimaryKeyConstraint("id", name="pk_item"),
        sa.UniqueConstraint("study_id", "digest", name="uq_item_digest"),
    )
    op.create_index("ix_item_study_id", "item", ["study_id", "number"])
    op.create_index("ix_item_asked_by", "item", ["asked_by"])
    op.create_table(
        "prepared",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("for_person", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("came_with_item", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("error", sa.String(2_000), nullable=False),
        sa.Column("condition", sa.Text(), nullable=True),
        sa.Column("temperature", sa.Float(), nullable=False),
        sa.Column("first_token_ms", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_prepared_item_id"),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name="fk_prepared_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_prepared"),
        sa.UniqueConstraint(
            "item_id", "for_person", "version_id", "nth", name="uq_prepared_item_id"
        ),
    )
    op.create_index("ix_prepared_version_id", "prepared", ["version_id"])
    op.create_table(
        "assignment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("again", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("drawn", sa.JSON(), nullable=False),
        sa.Column("query_id", sa.Uuid(), nullable=True),
        sa.Column("guidelines", sa.Integer(), nullable=False),
        sa.Column("reserved_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("shown_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_assignment_study_id"),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_assignment_item_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_assignment_person_id"),
        sa.ForeignKeyConstraint(["query_id"], ["query.id"], name="fk_assignment_query_id"),
        sa.PrimaryKeyConstraint("id", name="pk_assignment"),
        sa.UniqueConstraint("item_id", "person_id", "again", name="uq_assignment_item_id"),
        sa.UniqueConstraint("query_id", name="uq_assignment_query_id"),
    )
    op.create_index("ix_assignment_study_id", "assignment", ["study_id", "person_id"])
    op.create_index("ix_assignment_person_id", "assignment", ["person_id"])
    # No reference: SQLite would have to write the table anew, with everything that stands in it.
    op.add_column("query", sa.Column("study_id", sa.Uuid(), nullable=True))
    op.add_column(
        "query", sa.Column("guidelines", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column(
        "query",
        sa.Column("stays_blind", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    free = {
        "id": UUID("00000000-0000-4000-8000-0000000000f1"),
        "name": "Free questions",
        "status": "open",
        "plan": {},
        "guidelines": 0,
        "created_ms": 0,
    }
    op.bulk_insert(study, [free])


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("query") as query:
        query.drop_column("stays_blind")
        query.drop_column("guidelines")
        query.drop_column("study_id")
    for name in ("assignment", "prepared", "item", "guidelines", "study"):
        op.drop_table(name)
