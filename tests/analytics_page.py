"""Writes what describes the views for analysts: `python -m tests.analytics_page`.

It reads their comments. `docs/analytics.md`, a page for each topic, and `deploy/dbt/tandem.yml`
come from here; a test compares, and asks a migrated database whether the comments are those.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.prose import wrapped

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "sql" / "schema" / "analytics.sql"
DOCS, SOURCE = ROOT / "docs", ROOT / "deploy" / "dbt" / "tandem.yml"
_COMMENT = re.compile(r"comment on (view|column) analytics\.(\w+)(?:\.(\w+))? is '((?:[^']|'')*)';")

TOPICS = {
    "analytics-users.md": (
        "What users did",
        "interactions",
        "interactions_daily",
        "user_segments",
        "retention_weekly",
        "removals_daily",
        "loads",
    ),
    "analytics-lists.md": (
        "Lists, and what became of them",
        "current_recommendations",
        "impressions_daily",
        "click_through_daily",
        "context_daily",
        "coverage_daily",
        "catalogue_health",
        "explored_items",
    ),
    "analytics-runs.md": (
        "Runs and experiments",
        "model_runs",
        "run_metrics",
        "promotions",
        "freshness_history",
        "rollups",
        "experiment_results",
        "experiment_exposures",
    ),
}
"""Pages with the columns of views: their titles, then the views in their order."""

INTRODUCTION = """\
# The views of `analytics`

What analysts read ([how to connect](analysts.md), [ten questions](questions.md)). What is here
stays, with its meaning. Days and weeks are in UTC.

Views that would take long to count are counted after each night and by the daily housekeeping;
`rollups` says when. `interactions_daily` adds what occurred since.

These pages are written from the comments in the database by `python -m tests.analytics_page`, as is
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


def pages(views: list[View]) -> dict[Path, str]:
    """What each page says: one that lists all views, and one for the columns of each topic."""
    known = {view.name: view for view in views}
    listed, written = [INTRODUCTION], dict[Path, str]()
    for name, (title, *chosen) in TOPICS.items():
        listed += [f"## {title}\n", "| view | |", "|---|---|"]
        parts = [f"# {title}\n", "[All views](analytics.md).\n"]
        for view in map(known.pop, chosen):
            first = view.description.split(". ")[0].split("; ")[0].rstrip(".")
            listed.append(f"| [`{view.name}`]({name}#{view.name}) | {first} |")
            parts += _columns(view)
        listed.append("")
        written[DOCS / name] = wrapped("\n".join(parts))
    if known:
        raise LookupError(f"views of no topic: {', '.join(known)}")
    return {DOCS / "analytics.md": wrapped("\n".join(listed))} | written


def _columns(view: View) -> list[str]:
    rows = [f"| `{name}` | {words.replace('|', '/')} |" for name, words in view.columns.items()]
    return [f"## {view.name}\n", f"{view.description}\n", "| column | |", "|---|---|", *rows, ""]


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
    for path, text in pages(described_views()).items():
        path.write_text(text, encoding="utf-8")
    SOURCE.parent.mkdir(exist_ok=True)
    SOURCE.write_text(source(described_views()), encoding="utf-8")
