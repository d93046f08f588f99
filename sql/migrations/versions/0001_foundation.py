"""The foundation: catalogue, interaction log, model runs and what a run is made of."""

from sql.migrations.script import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
