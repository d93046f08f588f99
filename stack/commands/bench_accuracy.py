"""`tandem bench accuracy`: how good the lists are on a public split."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from batch.benchmark import Measured, measure_split
from batch.tuning import TunedTrial
from stack.home import Home
from stack.settings import StackSettings


def run(
    _settings: StackSettings,
    _home: Home,
    *,
    split: Path,
    budget_seconds: float,
    seed: int,
    as_json: bool,
) -> int:
    """Write the figures, as one JSON object if asked; how far it is goes to standard error."""
    with _progress() as on_trial:
        measured = measure_split(split, budget_seconds=budget_seconds, seed=seed, on_trial=on_trial)
    if as_json:
        typer.echo(json.dumps(measured.described()))
    else:
        _tell(measured)
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[TunedTrial], None]]:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with console.status("reading, fitting and scoring") as status:
        trials = 0

        def show(trial: TunedTrial) -> None:
            nonlocal trials
            trials += 1
            reached = trial.judged.accuracy
            line = (
                f"trial {trials}, {trial.recipe.factors} factors:"
                f" recall@20 {reached.recall:.4f}, nDCG@20 {reached.ndcg:.4f}"
                f" on held-out items of train, {trial.seconds:.1f} s"
            )
            console.print(f"[dim]{line}[/]")
            status.update("searching, then fitting and scoring")

        yield show


def _tell(measured: Measured) -> None:
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
