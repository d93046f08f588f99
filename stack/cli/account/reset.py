"""Make a link by which the owner of an account chooses a password, within a day."""

import json
from typing import Annotated

import typer

from stack.accounts import find_account_id, make_reset_link
from stack.cli.database import opened_database
from stack.cli.options import AsJson
from stack.cli.preparing import prepare


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write the link, which is good once, or a JSON object with `name` and `link`."""
    settings, home = prepare()
    with opened_database(settings, home, "tandem account") as connection:
        link = make_reset_link(connection, find_account_id(connection, name))
    address = f"{settings.api_url}{link.path}"
    typer.echo(json.dumps({"name": name, "link": address}) if as_json else address)
