"""Slots: new items are found by an index, and impressions tell which items were explored."""

from sql.migrations.script import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
