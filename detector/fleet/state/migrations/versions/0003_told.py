"""What was told of a repository, so that the next time only what is new has to be told."""

import sqlalchemy as sa  # noqa: TID253  (Alembic imports this file)
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; without it everything is told anew once."""
    op.add_column("repositories", sa.Column("told", sa.LargeBinary))
