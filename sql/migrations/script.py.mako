"""${message}."""

from sql.migrations.script import run_script

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
