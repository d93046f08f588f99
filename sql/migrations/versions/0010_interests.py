"""Interests: what users say of themselves before their first event."""

from sql.migrations.script import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
