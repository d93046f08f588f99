"""Impressions by day: what is left of old ones."""

from sql.migrations.script import run_script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
