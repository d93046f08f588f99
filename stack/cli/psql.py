"""Open psql as analyst, who reads the schema analytics; further arguments go to psql.

As in: tandem psql -c 'select * from model_runs'. A statement ends after 60 seconds.
"""

import signal
import subprocess
from typing import Annotated

import typer

from domain.errors import StackError
from stack.cli.preparing import prepare
from stack.database_addresses import DatabaseAddresses
from stack.local.servers.binaries import postgres_program
from stack.local.stores import opened_stores

CONTEXT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What is no option here is an argument of psql."""

_AS_ANALYST = (
    "As analyst: reads the schema analytics, and a statement ends after 60 s."
    " As the owner: tandem psql --owner"
)
_AS_OWNER = "As the owner of the tables: everything can be changed, and lost."


class UnknownAnalystError(StackError):
    """No way in as analyst: DATABASE_URL names a server of yours.

    Say how with DATABASE_ANALYST_URL (docs/analysts.md), or come as the owner: tandem psql --owner
    """


def command(
    context: typer.Context,
    *,
    owner: Annotated[
        bool, typer.Option("--owner", help="As the owner of the tables, who may change everything.")
    ] = False,
) -> None:
    """Exit code of psql. Raises UnknownAnalystError if nobody has said how to come as analyst."""
    with opened_stores(*prepare(), "tandem psql") as stores:
        address = _address(stores.database, owner=owner)
        typer.echo(_AS_OWNER if owner else _AS_ANALYST, err=True)
        # Ctrl-C belongs to psql: it cancels a query there.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            # The prompt names the role, so that nobody forgets who they are.
            prompts = ["--set=PROMPT1=%n@%/%R%x%# ", "--set=PROMPT2=%n@%/%R%x%# "]
            program = [str(postgres_program("psql")), *prompts, address, *context.args]
            ended = subprocess.run(program, check=False, preexec_fn=_obey_interrupts)  # noqa: S603 - ours
        finally:
            signal.signal(signal.SIGINT, before)
    raise typer.Exit(ended.returncode)


def _address(database: DatabaseAddresses, *, owner: bool) -> str:
    if owner:
        return database.owner
    if database.analyst is None:
        raise UnknownAnalystError
    return database.analyst


def _obey_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
