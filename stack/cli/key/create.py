"""Create an API key. It is shown once; only its hash is stored."""

import json
from typing import Annotated

import typer

from domain.errors import InvalidInputError
from serving.access.callers import SCOPES
from stack.api_key import DEFAULT_SCOPES, create_key
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.database import connected
from stack.local.stores import opened_stores

LONGEST_NAME = 100


def command(
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
    as_json: AsJson = False,
) -> None:
    """Write the key alone, or a JSON object with `key`, `name` and `scopes`."""
    scopes = sorted(set(scope or DEFAULT_SCOPES))
    _check(name, scopes)
    with (
        opened_stores(*prepare(), "tandem key") as stores,
        connected(stores.database_url) as connection,
    ):
        key = create_key(connection, name, scopes)
    answer = {"key": key, "name": name, "scopes": scopes}
    typer.echo(json.dumps(answer) if as_json else key)


def _check(name: str, scopes: list[str]) -> None:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidInputError(f"A key's name has 1 to {LONGEST_NAME} characters.")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise InvalidInputError(f"There is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}.")
