"""List the experiments, the newest first."""

from collections.abc import Sequence
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from serving.experiments.definition import Experiment
from stack.cli.experiment.asking import ask_experiments
from stack.cli.lists import print_list
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
    print_list(
        found,
        lambda experiment: experiment.model_dump(mode="json"),
        _table,
        nothing="There are no experiments yet. Make one: tandem experiment create NAME FILE",
        as_json=as_json,
    )


def _table(found: Sequence[Experiment]) -> Table:
    table = Table("name", "state", "placement", "goal", "arms", "since (UTC)", box=None)
    for experiment in found:
        table.add_row(
            escape(experiment.experiment_id),
            experiment.state,
            escape(experiment.placement),
            experiment.goal,
            escape(", ".join(arm.name for arm in experiment.arms)),
            f"{experiment.started_at:%Y-%m-%d %H:%M}" if experiment.started_at else "",
        )
    return table
