"""The commands about what is learned: from what, when, and which of it is served."""

from pathlib import Path
from typing import Annotated

import typer

from stack.command_line.calling import call
from stack.command_line.options import AsJson, Drawing, Foreseen, Nights


def load(
    path: Annotated[
        Path,
        typer.Argument(help="A MovieLens folder, or a CSV, JSON lines or Parquet file."),
    ],
    *,
    create_items: Annotated[
        bool,
        typer.Option("--create-items", help="Make the items that events name and nobody has told."),
    ] = False,
) -> None:
    """Load items and interactions; rows that cannot be loaded are put aside and told."""
    call("load", path=path, create_items=create_items)


def nightly() -> None:
    """Learn from everything now, as every night, and serve the result if it is good enough."""
    call("nightly")


def rollback(
    run: Annotated[
        int, typer.Argument(min=1, max=2**31 - 1, help="The run's number, as tandem runs lists it.")
    ],
) -> None:
    """Serve an earlier run again, within a second; nothing is learned again or lost."""
    call("rollback", run_id=run)


def tune() -> None:
    """Search for the recipe of the nightly lists that suits the history best, as every week."""
    call("tune")


def housekeeping() -> None:
    """Delete Prefect's old runs, and old impressions, which stay as counts; as every day."""
    call("housekeeping")


def replay(
    *,
    events_file: Annotated[
        Path | None,
        typer.Option(help="A log to replay instead of your own: user_id, item_id, timestamp."),
    ] = None,
    nights: Nights = 6,
    events: Foreseen = 4_000,
    seed: Drawing = 0,
    json: AsJson = False,
) -> None:
    """Walk the log in time order, refit each night, and tell which blend serves it best."""
    call("replay", events_file=events_file, nights=nights, events=events, seed=seed, as_json=json)
