"""Which code of the user's own a migration ran: a digest per module."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column(
        "data_migrations",
        sa.Column("plugins", JSONB, nullable=False, server_default=sa.text("'{}'")),
        schema="ispmig",
    )


def downgrade() -> None:
    op.drop_column("data_migrations", "plugins", schema="ispmig")
