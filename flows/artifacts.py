"""The figures of a night as artifacts of its flow run."""

from collections.abc import Mapping
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from sqlalchemy import Row

from domain.identifiers import RunId
from flows.night import Night
from sql.statements import statements

_BATCH = statements("batch")


_WHOSE = ("", "served_", "popularity_", "recent_popularity_")
"""How the figures of the run itself and of those it is compared with begin."""


def publish_figures(night: Night, run_id: RunId) -> None:
    """A summary to read, and a table with every figure of the run as it is stored."""
    with night.begin() as connection:
        row = connection.execute(_BATCH["load_figures"], {"run_id": run_id}).one()
    create_markdown_artifact(
        summary(run_id, row, night.step_seconds),
        key="nightly-summary",
        description=f"Run {run_id}: {row.state}",
    )
    create_table_artifact(
        table(row), key="nightly-figures", description=f"Every figure of run {run_id}"
    )


def summary(run_id: RunId, row: Row[Any], step_seconds: Mapping[str, float]) -> str:
    """The outcome, the comparison and the seconds of the steps, in Markdown."""
    lines = [f"# Run {run_id}: {row.state}", "", row.reason or row.metrics.get("gate", ""), ""]
    lines += [
        "| figure | this run | served run | all-time popular | lately popular |",
        "|---|---|---|---|---|",
    ]
    for name in ("ndcg@20", "recall@20", "coverage@20"):
        shown = [_shown(row.metrics.get(f"{whose}{name}")) for whose in _WHOSE]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    lines += ["", "| step | seconds |", "|---|---|"]
    lines += [f"| {step} | {seconds:.1f} |" for step, seconds in step_seconds.items()]
    return "\n".join(lines)


def table(row: Row[Any]) -> list[dict[str, Any]]:
    """Metrics, parameters and seconds, one row a figure."""
    groups = {"metric": row.metrics, **row.parameters, "seconds": row.step_seconds}
    return [
        {"group": group, "figure": name, "value": value}
        for group, figures in groups.items()
        for name, value in figures.items()
    ]


def _shown(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.4f}"
