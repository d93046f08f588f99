"""List the experiments, the newest first."""

import json
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from stack.cli.experiment.asking import ask_experiments
from stack.cli.options import AsJson


def command(
    *,
    state: Annotated[
        Literal["draft", "running", "stopped", "adopted"] | None,
        typer.Option(help="Only those in this state."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a table, or a JSON array of the experiments as `GET /v1/experiments` has them."""
    found = ask_experiments(lambda experiments, _: experiments.list(state))
    if as_json:
        typer.echo(json.dumps([experiment.model_dump(mode="json") for experiment in found]))
        return
    if not found:
        typer.echo("There are no experiments yet. Make one: tandem experiment create NAME FILE")
        return
    table = Table("name", "state", "placement", "goal", "arms", "since (UTC)", box=None)
    for experiment in found:
        table.add_row(
            experiment.experiment_id,
            experiment.state,
            experiment.placement,
            experiment.goal,
            ", ".join(arm.name for arm in experiment.arms),
            f"{experiment.started_at:%Y-%m-%d %H:%M}" if experiment.started_at else "",
        )
    Console(soft_wrap=True, markup=False, highlight=False).print(table)
