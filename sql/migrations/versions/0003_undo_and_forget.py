"""Undo and forget: deleted events and users."""

from sql.migrations.script import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
