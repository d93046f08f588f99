"""Popular lists by window, trending and latest, kept fresh between nights."""

from sql.migrations.script import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
