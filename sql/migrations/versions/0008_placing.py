"""Placing: items that come between two nights get their vectors."""

from sql.migrations.script import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
