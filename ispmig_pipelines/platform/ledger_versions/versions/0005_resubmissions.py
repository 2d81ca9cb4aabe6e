"""Which migration a resubmission takes records of out of quarantine."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("data_migrations", sa.Column("origin", sa.BigInteger), schema="ispmig")


def downgrade() -> None:
    op.drop_column("data_migrations", "origin", schema="ispmig")
