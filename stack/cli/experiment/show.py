"""Show what is known of an experiment now: it may be looked at at any time."""

import typer
from rich.console import Console
from rich.table import Table

from serving.experiments.schemas import ComparisonFigures, ExperimentAnswer
from stack.cli.experiment.asking import ask_experiments
from stack.cli.experiment.options import ExperimentName
from stack.cli.options import AsJson


def command(name: ExperimentName, *, as_json: AsJson = False) -> None:
    """Write tables, or the JSON object of `GET /v1/experiments/NAME`."""
    found = ask_experiments(lambda _, reading: reading.load(name))
    if as_json:
        typer.echo(found.model_dump_json())
        return
    console = Console(soft_wrap=True, markup=False, highlight=False)
    experiment = found.experiment
    console.print(f"{name} on {experiment.placement}: {experiment.state}")
    if experiment.stopped_because:
        console.print(f"stopped: {experiment.stopped_because}")
    for line in (found.finding, ""):
        console.print(line)
    console.print(_arms(found))
    console.print()
    console.print(_comparisons(found.comparisons))


def _arms(found: ExperimentAnswer) -> Table:
    goal = found.experiment.goal
    table = Table("arm", "share", "users", "window over", goal, "items", box=None)
    for arm in found.arms:
        table.add_row(
            arm.name,
            f"{arm.share:.0%}",
            f"{arm.users:,}",
            f"{arm.completed:,}",
            f"{arm.means[goal]:.4g}",
            f"{arm.items:,}",
        )
    return table


def _comparisons(comparisons: list[ComparisonFigures]) -> Table:
    table = Table("arm", "metric", "difference", "from", "to", "relative", "decided", box=None)
    for compared in comparisons:
        table.add_row(
            compared.arm,
            compared.metric,
            f"{compared.difference:+.4g}",
            _bound(compared.low),
            _bound(compared.high),
            "" if compared.relative is None else f"{compared.relative:+.1%}",
            "yes" if compared.decided else "no",
        )
    return table


def _bound(bound: float | None) -> str:
    return "?" if bound is None else f"{bound:+.4g}"
