"""The commands about API keys."""

from typing import Annotated

import typer

from stack.command_line.calling import Complaining, call
from stack.command_line.options import AsJson

keys = typer.Typer(cls=Complaining, no_args_is_help=True, help="Create, list and revoke API keys.")


@keys.command("create")
def create_key(
    *,
    name: Annotated[str, typer.Option(help="What the key is called, such as the app's name.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What the key may do: read (lists and items), write (events and items), users "
            "(what is said of users, and causes) or admin. May be given repeatedly."
            " Without it: read, write and users."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Create an API key. It is shown once; only its hash is stored."""
    call("key_create", name=name, scopes=scope or [], as_json=json)


@keys.command("list")
def list_keys(*, json: AsJson = False) -> None:
    """List the API keys by name; the keys themselves are stored nowhere."""
    call("key_list", as_json=json)


@keys.command("revoke")
def revoke_key(name: Annotated[str, typer.Argument(help="The key's name.")]) -> None:
    """End an API key."""
    call("key_revoke", name=name)
