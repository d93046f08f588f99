"""`tandem bench cold`: how well items nobody has used yet are ranked by their words."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import typer
from rich.console import Console

from batch.bulk import bulk_connection
from batch.catalogue_words import load_item_terms, use_language
from batch.cold_benchmark import ColdFigures, MeasuredCold, measure_cold
from batch.history import Interactions, load_interactions
from batch.parameters import RunParameters, WordParameters
from batch.settings import BatchSettings
from batch.words import ItemTerms
from sql.log import event_horizon, load_kinds
from sql.migrate import migrate
from stack.database import using_engine
from stack.home import Home
from stack.loading.load import load_path
from stack.servers.postgres import ensure_database, running_postgres
from stack.settings import StackSettings

_DATABASE = "bench"


def run(_settings: StackSettings, _home: Home, *, data: Path, seed: int, as_json: bool) -> int:
    """Write the figures, as one JSON object if asked; how far it is goes to standard error."""
    settings = BatchSettings()
    with progress() as on_step:
        on_step(f"reading {data}")
        log, terms = loaded(data, settings)
        measured = measure_cold(
            log,
            terms,
            RunParameters.of(settings),
            WordParameters(),
            seed=seed,
            threads=settings.threads,
            on_step=on_step,
        )
    if as_json:
        typer.echo(json.dumps(measured.described()))
    else:
        _tell(measured)
    return 0


def loaded(data: Path, settings: BatchSettings) -> tuple[Interactions, ItemTerms]:
    """The files as Tandem would have them, by way of a PostgreSQL that is gone afterwards."""
    with _folder() as folder, running_postgres(folder / "postgres", durable=False) as server:
        ensure_database(server, _DATABASE)
        url = server.url(_DATABASE)
        with using_engine(url) as engine:
            migrate(engine)
        load_path(data, url, rejects_path=folder / "rejects.jsonl")
        with using_engine(url) as engine, engine.begin() as connection:
            use_language(connection, settings.words_language)
            kinds, horizon = load_kinds(connection), event_horizon(connection)
        with bulk_connection(url) as bulk:
            log, terms = load_interactions(bulk, kinds, horizon), load_item_terms(bulk)
    return log.where(np.lexsort((log.kind_nos, log.item_nos, log.occurred_at))), terms


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that PostgreSQL can be served from under another account; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Tells standard error each step."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with console.status("starting") as status:

        def show(step: str) -> None:
            console.print(f"[dim]{step}[/]")
            status.update(step)

        yield show


def _tell(measured: MeasuredCold) -> None:
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
        console.print(f"  {name:<12} {_told(reached)}")


def _told(reached: ColdFigures) -> str:
    times = reached.recall / reached.random_recall
    return f"AUC {reached.auc:.4f}, recall@20 {reached.recall:.4f}, {times:.2f} times chance"
