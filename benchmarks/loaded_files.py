"""Files as Tandem has them after loading, without a system that runs."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from sqlalchemy import text

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
from stack.local.servers.databases import ensure_database
from stack.local.servers.postgres import PostgresServer, running_postgres

_DATABASE = "bench"


@dataclass(frozen=True, slots=True)
class Names:
    """What the apps call users and items."""

    user_ids: Mapping[int, str]
    titles: Mapping[int, str]


def loaded(data: Path, settings: BatchSettings) -> tuple[Interactions, ItemTerms]:
    """The files as Tandem would have them, by way of a PostgreSQL that is gone afterwards."""
    with _database_of(data, LoadOptions(create_items=False)) as url:
        with using_engine(url) as engine, engine.begin() as connection:
            use_language(connection, settings.words_language)
        with bulk_connection(url) as bulk:
            terms = load_item_terms(bulk)
        return _log_of(url), terms


def loaded_with_names(data: Path) -> tuple[Interactions, Names]:
    """The same files with the names of their users and items instead of the items' words."""
    with _database_of(data, LoadOptions()) as url:
        with using_engine(url) as engine, engine.connect() as connection:
            user_ids = connection.execute(text("select user_no, user_id from users")).all()
            titles = connection.execute(text("select item_no, title from items")).all()
        names = Names(
            {row.user_no: row.user_id for row in user_ids},
            {row.item_no: row.title for row in titles},
        )
        return _log_of(url), names


def _log_of(url: str) -> Interactions:
    with using_engine(url) as engine, engine.connect() as connection:
        kinds, horizon = load_kinds(connection), event_horizon(connection)
    with bulk_connection(url) as bulk:
        return load_interactions(bulk, kinds, horizon).in_time_order()


@contextmanager
def _database_of(data: Path, options: LoadOptions) -> Iterator[str]:
    """The address of a database that holds the files, for the time of the block."""
    with served_folder() as folder, running_postgres(folder / "postgres", durable=False) as server:
        url = new_database(server, _DATABASE)
        load([str(data)], url, options, rejects_path=folder / "rejects.jsonl")
        yield url


def new_database(server: PostgresServer, name: str) -> str:
    """The address of a database that is made, at the newest revision."""
    ensure_database(server, name)
    url = server.url(name)
    with using_engine(url) as engine:
        migrate(engine)
    return url


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
