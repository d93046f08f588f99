"""Runs the hand-written SQL of a revision."""

from pathlib import Path

from alembic import op


def run_script(revision_file: str) -> None:
    """Run the `.sql` file that stands beside a revision's Python file, as one script."""
    script = Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8")
    # Without parameters psycopg sends the text as it is: several statements, per cent signs too.
    op.get_bind().exec_driver_sql(script, execution_options={"no_parameters": True})
