"""Runs hand-written SQL for a revision."""

from pathlib import Path

from alembic import op

SCHEMA = Path(__file__).parents[1] / "schema"
FILES = (
    "catalogue",
    "filtered_attributes",
    "log",
    "runs",
    "access",
    "accounts",
    "preferences",
    "rollups",
    "serving",
    "placements",
    "experiments",
    "cold_items",
    "popular",
    "loads",
    "detached_loads",
    "uploads",
    "kafka",
    "imports",
    "freshness",
    "support",
    "forgetting",
    "analytics",
)
"""Each uses what those before it made."""


def run_schema() -> None:
    """Make everything in an empty database."""
    for name in FILES:
        run_script(SCHEMA / f"{name}.sql")


def run_script(path: Path) -> None:
    """Run a `.sql` file as one script."""
    # Without parameters psycopg sends the text as it is: several statements, per cent signs too.
    op.get_bind().exec_driver_sql(
        path.read_text(encoding="utf-8"), execution_options={"no_parameters": True}
    )
