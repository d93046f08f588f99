"""What is refused: values out of bounds, and an event id that comes with another content."""

from sql.migrations.script import run_script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
