"""How good the nightly lists are on a public split, tuned on its training part alone.

python -m benchmarks accuracy --split FOLDER [--budget-seconds 900] [--json]
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from batch.tuning.search import Trial
from benchmarks.command import Seed, run_command
from benchmarks.split_accuracy import Measured, measure_split
from stack.cli.options import AsJson


def accuracy(
    *,
    split: Annotated[
        Path,
        typer.Option(help="A folder with train.txt and test.txt, lines of: user item item ..."),
    ],
    budget_seconds: Annotated[
        float,
        typer.Option(min=0.0, help="Time for the search; 0: none, the defaults are measured."),
    ] = 900.0,
    seed: Seed = 20,
    as_json: AsJson = False,
) -> int:
    """Tune on the training part of a split, fit on all of it, and score the lists on its test."""
    with _progress() as on_trial:
        measured = measure_split(split, budget_seconds=budget_seconds, seed=seed, on_trial=on_trial)
    if as_json:
        typer.echo(json.dumps(measured.described()))
    else:
        _print_report(measured)
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[Trial], None]]:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with console.status("reading, fitting and scoring") as status:
        trials = 0

        def show(trial: Trial) -> None:
            nonlocal trials
            trials += 1
            reached = trial.judged.accuracy
            line = (
                f"trial {trials}, {trial.hyperparameters.factors} factors:"
                f" recall@20 {reached.recall:.4f}, nDCG@20 {reached.ndcg:.4f}"
                f" on held-out items of train, {trial.seconds:.1f} s"
            )
            console.print(f"[dim]{line}[/]")
            status.update("searching, then fitting and scoring")

        yield show


def _print_report(measured: Measured) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"recall@20 [bold]{measured.recall:.4f}[/], nDCG@20 [bold]{measured.ndcg:.4f}[/]"
        f" for {measured.users:,} users"
    )
    for name, value in measured.parameters().items():
        console.print(f"  {name:<22} {value}")
    console.print(
        f"{measured.trials} trials in {measured.search_seconds:.1f} s,"
        f" fitted in {measured.fit_seconds:.1f} s"
    )


def main() -> None:
    """Measure as the command line says."""
    run_command(accuracy)


if __name__ == "__main__":
    main()
