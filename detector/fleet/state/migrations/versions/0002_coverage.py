"""Coverage: what lists a repository, since when it is not listed or not read, and what is acknowledged."""

import sqlalchemy as sa  # noqa: TID253  (Alembic imports this file)
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and the table."""
    for name in ("spec", "lost_at", "left_out", "unread_since"):
        op.add_column("repositories", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.create_table(
        "acknowledgements",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("problem", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("expires", sa.Text, nullable=False),
    )
