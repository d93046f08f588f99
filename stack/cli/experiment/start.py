"""Start an experiment: within a second its users get their arms."""

from stack.cli.answers import print_answer
from stack.cli.experiment.asking import ask_experiments, at_the_machine
from stack.cli.experiment.options import ExperimentName
from stack.cli.options import AsJson


def command(name: ExperimentName, *, as_json: AsJson = False) -> None:
    """Write since when it runs."""
    found = ask_experiments(lambda experiments, _: experiments.start(name, at_the_machine()))
    text = (
        f"{name} runs since {found.started_at:%Y-%m-%d %H:%M} UTC. The first users count after"
        f" {found.window_days:g} days: tandem experiment show {name}"
    )
    print_answer(found.model_dump(mode="json"), text, as_json=as_json)
