"""The files of named statements: those of `sql/queries`, and that of chaos."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "sql" / "queries").glob("*.sql")), ROOT / "tests" / "chaos" / "chaos.sql"]
