"""The commands that measure."""

from pathlib import Path
from typing import Annotated

import typer

from stack.command_line.calling import Complaining, call
from stack.command_line.options import AsJson, Chance, Data, Drawing, Foreseen, Nights

bench = typer.Typer(
    cls=Complaining,
    no_args_is_help=True,
    help="Measure accuracy on public data, and what chaos breaks.",
)


@bench.command("accuracy")
def bench_accuracy(
    *,
    split: Annotated[
        Path,
        typer.Option(help="A folder with train.txt and test.txt, lines of: user item item ..."),
    ],
    budget_seconds: Annotated[
        float,
        typer.Option(min=0.0, help="Time for the search; 0: none, the default recipe is measured."),
    ] = 900.0,
    seed: Chance = 20,
    json: AsJson = False,
) -> None:
    """Tune on the training part of a split, fit on all of it, and score the lists on its test."""
    call("bench_accuracy", split=split, budget_seconds=budget_seconds, seed=seed, as_json=json)


@bench.command("cold")
def bench_cold(
    *,
    data: Data,
    seed: Annotated[int, typer.Option(min=0, help="Which items are hidden.")] = 0,
    json: AsJson = False,
) -> None:
    """Hide a tenth of the items, learn from the rest, and rank the hidden by their words."""
    call("bench_cold", data=data, seed=seed, as_json=json)


@bench.command("replay")
def bench_replay(
    *,
    events_file: Annotated[
        Path,
        typer.Option(help="CSV with user_id, item_id and timestamp; comma or tab separated."),
    ],
    nights: Nights = 6,
    sample: Foreseen = 4_000,
    seed: Drawing = 0,
    json: AsJson = False,
) -> None:
    """Foresee the later part of a log with each list: popular, batch, speed and the blends."""
    call(
        "bench_replay",
        events_file=events_file,
        nights=nights,
        sample=sample,
        seed=seed,
        as_json=json,
    )


@bench.command("words")
def bench_words(
    *,
    data: Data,
    nights: Nights = 6,
    sample: Foreseen = 4_000,
    seed: Drawing = 0,
    json: AsJson = False,
) -> None:
    """Foresee the later part of a log without and with the items' words, by how used an item is."""
    call("bench_words", data=data, nights=nights, sample=sample, seed=seed, as_json=json)


@bench.command("chaos")
def bench_chaos(
    *,
    seconds: Annotated[
        float, typer.Option(min=10.0, help="How long there is load and harm.")
    ] = 60.0,
    seed: Chance = 1,
    reads: Annotated[float, typer.Option(min=1.0, help="Lists asked for, a second.")] = 25.0,
    events: Annotated[float, typer.Option(min=1.0, help="Events sent, a second.")] = 20.0,
    json: AsJson = False,
) -> None:
    """Kill, freeze and roll back a system of its own under load, and tell what that broke."""
    call("bench_chaos", seconds=seconds, seed=seed, reads=reads, events=events, as_json=json)


@bench.command("new-items")
def bench_new_items(
    *,
    items: Annotated[int, typer.Option(min=1_000, help="Size of the catalogue.")] = 10_000,
    trials: Annotated[int, typer.Option(min=1, help="New items, one after the other.")] = 30,
    seed: Chance = 1,
    json: AsJson = False,
) -> None:
    """Tell a system of its own new items, and measure until each is recommended and found."""
    call("bench_new_items", items=items, trials=trials, seed=seed, as_json=json)
