"""`tandem key revoke`: end an API key."""

import typer

from stack.api_key import revoke_key
from stack.database import connected
from stack.home import Home
from stack.settings import StackSettings
from stack.stores import opened_stores


def run(settings: StackSettings, home: Home, *, name: str) -> int:
    """Exit code 0 once no key of the name is in force."""
    with (
        opened_stores(settings, home, "tandem key") as stores,
        connected(stores.database_url) as connection,
    ):
        revoke_key(connection, name)
    typer.echo(f"{name} is revoked.")
    return 0
