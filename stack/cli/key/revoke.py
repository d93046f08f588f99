"""End an API key. Every process knows within 10 seconds (TANDEM_API_KEY_SECONDS)."""

from typing import Annotated

import typer

from stack.api_key import revoke_key
from stack.cli.preparing import prepare
from stack.database import connected
from stack.local.stores import opened_stores


def command(
    named: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PREFIX",
            help="The key's name, or how it begins, as `tandem key list` shows both.",
        ),
    ],
) -> None:
    """Exit code 0 once the key is not in force; one that was revoked before is named so."""
    with (
        opened_stores(*prepare(), "tandem key") as stores,
        connected(stores.database_url) as connection,
    ):
        key, was_in_force = revoke_key(connection, named)
    if was_in_force:
        typer.echo(f"{key.name} ({key.prefix}) is revoked.")
    else:
        typer.echo(f"{key.name} ({key.prefix}) was revoked before, on {key.revoked_at:%Y-%m-%d}.")
