"""Rollback: switches on record, retained runs kept ready, partitions beside readers."""

from sql.migrations.script import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
