"""`tandem psql`: PostgreSQL's own terminal on the database."""

import signal
import subprocess

import typer

from domain.errors import StackError
from stack.database_addresses import DatabaseAddresses
from stack.home import Home
from stack.servers.binaries import postgres_program
from stack.settings import StackSettings
from stack.stores import opened_stores

_AS_ANALYST = (
    "As analyst: reads the schema analytics, and a statement ends after 60 s."
    " As the owner: tandem psql --owner"
)
_AS_OWNER = "As the owner of the tables: everything can be changed, and lost."


class UnknownAnalystError(StackError):
    """No way in as analyst: DATABASE_URL names a server of yours.

    Say how with DATABASE_ANALYST_URL (docs/analysts.md), or come as the owner: tandem psql --owner
    """


def run(settings: StackSettings, home: Home, *, owner: bool, arguments: list[str]) -> int:
    """Exit code of psql. Raises UnknownAnalystError if nobody has told how to come as analyst."""
    with opened_stores(settings, home, "tandem psql") as stores:
        address = _address(stores.database, owner=owner)
        typer.echo(_AS_OWNER if owner else _AS_ANALYST, err=True)
        # Ctrl-C belongs to psql: it cancels a query there.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            # The prompt names the role, so that nobody forgets who they are.
            prompts = ["--set=PROMPT1=%n@%/%R%x%# ", "--set=PROMPT2=%n@%/%R%x%# "]
            command = [str(postgres_program("psql")), *prompts, address, *arguments]
            ended = subprocess.run(command, check=False, preexec_fn=_obey_interrupts)  # noqa: S603 - ours
            return ended.returncode
        finally:
            signal.signal(signal.SIGINT, before)


def _address(database: DatabaseAddresses, *, owner: bool) -> str:
    if owner:
        return database.owner
    if database.analyst is None:
        raise UnknownAnalystError
    return database.analyst


def _obey_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
