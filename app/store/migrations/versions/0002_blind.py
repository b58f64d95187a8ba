"""Whether names were in view: told of every signal, and the behaviours with and without what was done then.

Signals of before are marked by the rule that the server goes by: what people did after the query's first vote came.
Those of simulated people are not: they are shown texts only.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

QUERY = sa.table(
    "query",
    sa.column("id", sa.Uuid),
    sa.column("source", sa.String),
    sa.column("revealed_ms", sa.BigInteger),
)
SIGNAL = sa.table(
    "signal",
    sa.column("query_id", sa.Uuid),
    sa.column("kind", sa.String),
    sa.column("payload", sa.JSON),
    sa.column("at_ms", sa.BigInteger),
    sa.column("received_ms", sa.BigInteger),
    sa.column("unblinded", sa.Boolean),
)


def upgrade() -> None:
    """Apply."""
    op.add_column("query", sa.Column("revealed_ms", sa.BigInteger(), nullable=True))
    op.add_column("signal", _false("unblinded"))
    op.add_column("behavior", sa.Column("open_features", sa.Text(), nullable=True))
    op.add_column("behavior", sa.Column("open_text", sa.Text(), nullable=True))
    op.add_column("behavior", sa.Column("open_vote", sa.String(20), nullable=True))
    op.add_column("behavior", _false("never_blind"))
    first_vote = (
        sa.select(sa.func.min(SIGNAL.c.received_ms))
        .where(
            SIGNAL.c.query_id == QUERY.c.id,
            SIGNAL.c.kind == "vote",
            SIGNAL.c.payload["choice"].as_string() != "withdrawn",
        )
        .scalar_subquery()
    )
    seen = QUERY.c.source != "simulated"
    op.execute(sa.update(QUERY).where(seen).values(revealed_ms=first_vote))
    revealed = sa.exists().where(
        QUERY.c.id == SIGNAL.c.query_id,
        QUERY.c.revealed_ms < SIGNAL.c.at_ms,
        QUERY.c.revealed_ms < SIGNAL.c.received_ms,
    )
    op.execute(sa.update(SIGNAL).where(revealed).values(unblinded=sa.true()))


def downgrade() -> None:
    """Go back."""
    for table, columns in (
        ("behavior", ("never_blind", "open_vote", "open_text", "open_features")),
        ("signal", ("unblinded",)),
        ("query", ("revealed_ms",)),
    ):
        for column in columns:
            op.drop_column(table, column)


def _false(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
