"""How far the search of an incident is: the repositories that were searched, with their refs."""

import sqlalchemy as sa  # noqa: TID253  (Alembic imports this file)
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "incident_searches",
        sa.Column("incident", sa.Text, sa.ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("repository", sa.Text, primary_key=True),
        sa.Column("refs", sa.Text, nullable=False),
    )
