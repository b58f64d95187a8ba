"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.String(80), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("recording", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("summarised", sa.Integer(), nullable=False),
        sa.Column("behaviors_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
    )
    op.create_table(
        "query",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("recorded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_query_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_query"),
    )
    op.create_index("ix_query_person_id", "query", ["person_id", "created_ms"])
    op.create_index("ix_query_created_ms", "query", ["created_ms", "id"])
    op.create_table(
        "run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("arm", sa.String(20), nullable=False),
        sa.Column("recipe", sa.String(80), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("data", sa.String(400), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(2000), nullable=False),
        sa.Column("verdict", sa.String(40), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_table(
        "version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("arm", sa.String(20), nullable=True),
        sa.Column("serving", sa.String(20), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("adapter", sa.String(), nullable=True),
        sa.Column("condition", sa.String(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("trained_on", sa.String(400), nullable=False),
        sa.Column("verdict", sa.String(40), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("imported", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["version.id"], name="fk_version_parent_id"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_version_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_version"),
    )
    op.create_index(
        "uq_version_name",
        "version",
        ["name"],
        unique=True,
        sqlite_where=sa.text("NOT imported"),
        postgresql_where=sa.text("NOT imported"),
    )
    with op.batch_alter_table("run") as run:  # now that both tables exist
        run.create_foreign_key("fk_run_parent_id", "version", ["parent_id"], ["id"])
    op.create_table(
        "response",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("query_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("draw_probability", sa.Float(), nullable=True),
        sa.Column("condition", sa.String(), nullable=True),
        sa.Column("temperature", sa.Float(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("error", sa.String(2000), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_token_ms", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("replaces", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["query_id"], ["query.id"], name="fk_response_query_id"),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name="fk_response_version_id"),
        sa.ForeignKeyConstraint(["replaces"], ["response.id"], name="fk_response_replaces"),
        sa.PrimaryKeyConstraint("id", name="pk_response"),
    )
    op.create_index("ix_response_created_ms", "response", ["created_ms", "id"])
    op.create_index("ix_response_query_id", "response", ["query_id"])
    op.create_index("ix_response_version_id", "response", ["version_id"])
    op.create_index("ix_response_replaces", "response", ["replaces"])
    op.create_table(
        "signal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("query_id", sa.Uuid(), nullable=False),
        sa.Column("response_id", sa.Uuid(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("page_opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_signal_person_id"),
        sa.ForeignKeyConstraint(["query_id"], ["query.id"], name="fk_signal_query_id"),
        sa.ForeignKeyConstraint(["response_id"], ["response.id"], name="fk_signal_response_id"),
        sa.PrimaryKeyConstraint("id", name="pk_signal"),
    )
    op.create_index("ix_signal_person_id", "signal", ["person_id"])
    op.create_index("ix_signal_query_id", "signal", ["query_id"])
    op.create_index("ix_signal_response_id", "signal", ["response_id"])
    op.create_table(
        "behavior",
        sa.Column("response_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("features", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("vote", sa.String(20), nullable=True),
        sa.Column("verbaliser_version", sa.Integer(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["response_id"], ["response.id"], name="fk_behavior_response_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_behavior_person_id"),
        sa.PrimaryKeyConstraint("response_id", name="pk_behavior"),
    )
    op.create_index("ix_behavior_person_id", "behavior", ["person_id"])
    op.create_table(
        "deployment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("served", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployment"),
    )
    op.create_index("ix_deployment_created_ms", "deployment", ["created_ms"])


def downgrade() -> None:
    """Go back."""
    op.drop_table("deployment")
    op.drop_table("behavior")
    op.drop_table("signal")
    op.drop_table("response")
    with op.batch_alter_table("run") as run:
        run.drop_constraint("fk_run_parent_id", type_="foreignkey")
    op.drop_table("version")
    op.drop_table("run")
    op.drop_table("query")
    op.drop_table("person")
