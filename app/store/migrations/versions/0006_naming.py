"""Answers that say whose they are."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "response", sa.Column("says_name", sa.String(80), nullable=False, server_default="")
    )


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("response") as response:
        response.drop_column("says_name")
