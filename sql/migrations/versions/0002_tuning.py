"""Tuning: the trials of searches, and the recipes they came to."""

from sql.migrations.script import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
