"""Conversations: what a query goes on from, what went before it, and how much of that a model was not given."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    # No references: SQLite would have to write the tables anew, with everything that stands in them.
    op.add_column("query", sa.Column("follows", sa.Uuid(), nullable=True))
    op.add_column("query", sa.Column("conversation", sa.Uuid(), nullable=True))
    op.add_column("query", sa.Column("turn", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("query", sa.Column("history", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column(
        "query",
        sa.Column("own_threads", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("response", sa.Column("follows", sa.Uuid(), nullable=True))
    op.add_column("response", sa.Column("history", sa.JSON(), nullable=True))
    for name in ("response", "prepared"):
        op.add_column(name, sa.Column("left_out", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("prepared") as prepared:
        prepared.drop_column("left_out")
    with op.batch_alter_table("response") as response:
        for name in ("left_out", "history", "follows"):
            response.drop_column(name)
    with op.batch_alter_table("query") as query:
        for name in ("own_threads", "history", "turn", "conversation", "follows"):
            query.drop_column(name)
