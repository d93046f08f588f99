"""Start an experiment: within a second its users get their arms."""

import typer

from stack.cli.experiment.asking import ask_experiments, at_the_machine
from stack.cli.experiment.naming import ExperimentName


def command(name: ExperimentName) -> None:
    """Write since when it runs."""
    found = ask_experiments(lambda experiments, _: experiments.start(name, at_the_machine()))
    typer.echo(
        f"{name} runs since {found.started_at:%Y-%m-%d %H:%M} UTC. The first users count after"
        f" {found.window_days:g} days: tandem experiment show {name}"
    )
