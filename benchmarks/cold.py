"""How well items nobody has used yet are ranked by their words.

python -m benchmarks cold --data FOLDER [--seed 0] [--json]
"""

import json
from typing import Annotated

import typer
from rich.console import Console

from batch.parameters import WordParameters
from batch.settings import BatchSettings
from benchmarks.command import Data, run_command
from benchmarks.hidden_items import ColdFigures, MeasuredCold, measure_cold
from benchmarks.loaded_files import loaded, progress
from stack.cli.options import AsJson


def cold(
    *,
    data: Data,
    seed: Annotated[int, typer.Option(min=0, help="Which items are hidden.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Hide a tenth of the items, learn from the rest, and rank the hidden by their words."""
    settings = BatchSettings()
    with progress() as on_step:
        on_step(f"reading {data}")
        log, terms = loaded(data, settings)
        measured = measure_cold(
            log,
            terms,
            settings.run_parameters(),
            WordParameters(),
            seed=seed,
            threads=settings.threads,
            on_step=on_step,
        )
    if as_json:
        typer.echo(json.dumps(measured.described()))
    else:
        _print_report(measured)
    return 0


def _print_report(measured: MeasuredCold) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{measured.items:,} hidden items ranked for {measured.users:,} users by {measured.terms:,}"
        f" terms, penalty {measured.penalty:g}, {measured.seconds:.1f} s"
    )
    rows = {
        "blend": measured.blended,
        "batch": measured.batch,
        "speed": measured.speed,
        "texts alone": measured.content,
    }
    for name, reached in rows.items():
        console.print(f"  {name:<12} {_format_figures(reached)}")


def _format_figures(reached: ColdFigures) -> str:
    times = reached.recall / reached.random_recall
    return f"AUC {reached.auc:.4f}, recall@20 {reached.recall:.4f}, {times:.2f} times chance"


def main() -> None:
    """Measure as the command line says."""
    run_command(cold)


if __name__ == "__main__":
    main()
