"""Words: terms of items, and their vectors in a run's space."""

from sql.migrations.script import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
