"""Writes what describes the views for analysts: `python -m tests.analytics_page`.

It reads their comments. `docs/analytics.md` and `deploy/dbt/tandem.yml` come from here; a test
compares, and asks a migrated database whether the comments are those.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.prose import wrapped

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "sql" / "schema" / "analytics.sql"
PAGE, SOURCE = ROOT / "docs" / "analytics.md", ROOT / "deploy" / "dbt" / "tandem.yml"
_COMMENT = re.compile(r"comment on (view|column) analytics\.(\w+)(?:\.(\w+))? is '((?:[^']|'')*)';")

INTRODUCTION = """\
# The views of `analytics`

What analysts read ([how to connect](analysts.md), [ten questions](questions.md)). What is here
stays, with its meaning. Days and weeks are in UTC.

Views that would take long to count are counted after each night and by the daily housekeeping;
`rollups` says when. `interactions_daily` adds what occurred since.

This page is written from the comments in the database by `python -m tests.analytics_page`, as is
`deploy/dbt/tandem.yml`, a source for dbt.
"""


@dataclass(slots=True)
class View:
    """A view of the schema `analytics`, as its comments describe it."""

    name: str
    description: str
    columns: dict[str, str] = field(default_factory=dict)


def described_views() -> list[View]:
    """All views by name, each with its columns in their order."""
    views: dict[str, View] = {}
    for kind, view, column, comment in _COMMENT.findall(SCHEMA.read_text(encoding="utf-8")):
        description = comment.replace("''", "'")
        if kind == "view":
            views[view] = View(view, description)
        else:
            views[view].columns[column] = description
    return [views[name] for name in sorted(views)]


def page(views: list[View]) -> str:
    """docs/analytics.md."""
    parts = [INTRODUCTION]
    for view in views:
        parts += [f"## {view.name}\n", f"{view.description}\n", "| column | |", "|---|---|"]
        parts += [
            f"| `{name}` | {description.replace('|', '/')} |"
            for name, description in view.columns.items()
        ]
        parts.append("")
    return wrapped("\n".join(parts))


def source(views: list[View]) -> str:
    """deploy/dbt/tandem.yml: what dbt calls a source, one table a view."""
    tables = [
        {
            "name": view.name,
            "description": view.description,
            "columns": [
                {"name": name, "description": description}
                for name, description in view.columns.items()
            ],
        }
        for view in views
    ]
    described = {
        "version": 2,
        "sources": [{"name": "tandem", "schema": "analytics", "tables": tables}],
    }
    return yaml.safe_dump(described, sort_keys=False, width=100)


if __name__ == "__main__":
    PAGE.write_text(page(described_views()), encoding="utf-8")
    SOURCE.parent.mkdir(exist_ok=True)
    SOURCE.write_text(source(described_views()), encoding="utf-8")
