"""Coming runs: one that is about to be served can be read already."""

from sql.migrations.script import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
