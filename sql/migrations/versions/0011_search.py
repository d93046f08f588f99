"""Search: words, beginnings of words and typing mistakes."""

from sql.migrations.script import run_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the script beside this file."""
    run_script(__file__)
