"""Operating: keys for whoever runs the service."""

from sql.migrations.script import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
