"""One space: how well a run knows an item, and how alike items are."""

from sql.migrations.script import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
