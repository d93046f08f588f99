"""The whole schema of 0.1.0, as the files of `sql/schema` say.

Revisions 0001 to 0016 were never released; what they did is in here. Once 0.1.0 is released those
files stay as they are, and every change is a revision of its own.
"""

from sql.migrations.script import run_schema

revision = "0017"
down_revision = None


def upgrade() -> None:
    """Run the files of the schema."""
    run_schema()
