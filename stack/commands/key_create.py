"""`tandem key create`: a new API key, shown once."""

import json

import typer

from domain.errors import InvalidInputError
from stack.api_key import DEFAULT_SCOPES, SCOPES, create_key
from stack.database import connected
from stack.home import Home
from stack.settings import StackSettings
from stack.stores import opened_stores

LONGEST_NAME = 100


def run(settings: StackSettings, home: Home, *, name: str, scopes: list[str], as_json: bool) -> int:
    """Write the key alone, or a JSON object with `key`, `name` and `scopes`.

    Without `scopes` the key has the default ones.
    """
    scopes = sorted(set(scopes) or set(DEFAULT_SCOPES))
    _check(name, scopes)
    with (
        opened_stores(settings, home, "tandem key") as stores,
        connected(stores.database_url) as connection,
    ):
        key = create_key(connection, name, scopes)
    answer = {"key": key, "name": name, "scopes": scopes}
    typer.echo(json.dumps(answer) if as_json else key)
    return 0


def _check(name: str, scopes: list[str]) -> None:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidInputError(f"A key's name has 1 to {LONGEST_NAME} characters.")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise InvalidInputError(f"There is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}.")
