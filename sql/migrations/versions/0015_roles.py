"""Roles: what changes tables is done by functions of the owner."""

from sql.migrations.script import run_script

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
