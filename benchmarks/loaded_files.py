"""Files as Tandem has them after loading, without a system that runs."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from batch.bulk import bulk_connection
from batch.content.catalogue_words import load_item_terms, use_language
from batch.content.words import ItemTerms
from batch.history.interactions import Interactions, load_interactions
from batch.settings import BatchSettings
from loading.load import load
from loading.options import LoadOptions
from sql.log import event_horizon, load_kinds
from sql.migrate import migrate
from stack.database import using_engine
from stack.local.servers.postgres import ensure_database, running_postgres

_DATABASE = "bench"


def loaded(data: Path, settings: BatchSettings) -> tuple[Interactions, ItemTerms]:
    """The files as Tandem would have them, by way of a PostgreSQL that is gone afterwards."""
    with served_folder() as folder, running_postgres(folder / "postgres", durable=False) as server:
        ensure_database(server, _DATABASE)
        url = server.url(_DATABASE)
        with using_engine(url) as engine:
            migrate(engine)
        options = LoadOptions(create_items=False)
        load([str(data)], url, options, rejects_path=folder / "rejects.jsonl")
        with using_engine(url) as engine, engine.begin() as connection:
            use_language(connection, settings.words_language)
            kinds, horizon = load_kinds(connection), event_horizon(connection)
        with bulk_connection(url) as bulk:
            log, terms = load_interactions(bulk, kinds, horizon), load_item_terms(bulk)
    return log.in_time_order(), terms


@contextmanager
def served_folder() -> Iterator[Path]:
    """A folder that PostgreSQL can be served from under another account; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Writes each step to standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with console.status("starting") as status:

        def show(step: str) -> None:
            console.print(f"[dim]{step}[/]")
            status.update(step)

        yield show
