"""`tandem rollback`: serve an earlier run again."""

import getpass

from rich.console import Console

from batch.rollback import roll_back
from domain.identifiers import RunId
from stack.database import using_engine
from stack.home import Home
from stack.settings import StackSettings
from stack.stores import opened_stores


def run(settings: StackSettings, home: Home, *, run_id: int) -> int:
    """Exit code 0 once the run is served; RollbackRefusedError if it cannot be."""
    console = Console(soft_wrap=True, highlight=False)
    with (
        opened_stores(settings, home, "tandem rollback") as stores,
        using_engine(stores.database_url) as engine,
        console.status(f"bringing run {run_id} up to date") as status,
    ):
        roll_back(
            engine.begin,
            RunId(run_id),
            by=f"tandem rollback, {_person()}",
            on_users=lambda done, of: status.update(
                f"bringing run {run_id} up to date: {done:,} of {of:,} users"
            ),
        )
    console.print(f"Run {run_id} is served now. The one before stays retained.")
    return 0


def _person() -> str:
    """Who types, as the machine knows them; in a container perhaps nobody."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody without a name"
