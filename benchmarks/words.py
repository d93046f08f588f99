"""What words do to the lists of items that are in use: a replay without and with them.

python -m benchmarks words --data FOLDER [--nights 6] [--sample 4000] [--json]
"""

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table

from batch.replay.replaying import ReplaySettings
from batch.settings import BatchSettings
from benchmarks.command import Data, run_command
from benchmarks.loaded_files import loaded, progress
from benchmarks.words_replay import Compared, WordsReplay, replay_words
from stack.cli.options import AsJson, Drawing, Foreseen, Nights


def words(
    *,
    data: Data,
    nights: Nights = 6,
    sample: Foreseen = 4_000,
    seed: Drawing = 0,
    as_json: AsJson = False,
) -> int:
    """Foresee the later part of a log without and with the items' words, by how used an item is."""
    settings = BatchSettings()
    asked = ReplaySettings(nights=nights, sample=sample, seed=seed, threads=settings.threads)
    with progress() as on_step:
        on_step(f"reading {data}")
        log, terms = loaded(data, settings)
        replayed = replay_words(
            log,
            terms,
            settings.run_parameters(),
            asked,
            lambda done, foreseen: on_step(f"night {done}: {foreseen:,} interactions foreseen"),
        )
    compared = replayed.compared(seed)
    if as_json:
        figures = {
            name: {
                segment: asdict(segment_figures) for segment, segment_figures in segments.items()
            }
            for name, segments in compared.items()
        }
        typer.echo(json.dumps({**figures, "pseudo_count": replayed.pseudo_count}))
    else:
        _print_report(replayed, compared)
    return 0


def _print_report(replayed: WordsReplay, compared: dict[str, dict[str, Compared]]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    columns = ("list", "items with", "foreseen", "nDCG@20", "with words", "difference, 95 %")
    table = Table(*columns, box=None, header_style="bold")
    for name, segments in compared.items():
        for segment, segment_figures in segments.items():
            table.add_row(
                name,
                segment,
                f"{segment_figures.events:,}",
                f"{segment_figures.without:.4f}",
                f"{segment_figures.with_words:.4f}",
                f"{segment_figures.low:+.4f} to {segment_figures.high:+.4f}",
            )
    console.print(table)
    chosen = ", ".join(f"{pseudo_count:g}" for pseudo_count in replayed.pseudo_count)
    console.print(f"\nUsers after whom words count half, night by night: {chosen}")


def main() -> None:
    """Measure as the command line says."""
    run_command(words)


if __name__ == "__main__":
    main()
