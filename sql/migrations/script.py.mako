"""${message}."""

from pathlib import Path

from sql.migrations.script import run_script

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    """Take it back. Without this function there is no way back."""
    run_script(Path(__file__).with_suffix(".back.sql"))
