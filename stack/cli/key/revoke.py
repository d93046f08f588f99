"""End an API key."""

from typing import Annotated

import typer

from stack.api_key import revoke_key
from stack.cli.preparing import prepare
from stack.database import connected
from stack.local.stores import opened_stores


def command(name: Annotated[str, typer.Argument(help="The key's name.")]) -> None:
    """Exit code 0 once no key of the name is in force."""
    with (
        opened_stores(*prepare(), "tandem key") as stores,
        connected(stores.database_url) as connection,
    ):
        revoke_key(connection, name)
    typer.echo(f"{name} is revoked.")
