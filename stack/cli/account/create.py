"""Create an account of the team. Its password is asked for, or chosen by its owner with a link."""

import json
import sys
from typing import Annotated

import typer

from domain.errors import InvalidInputError
from serving.accounts.links import NewLink
from stack.accounts import create_account, make_reset_link
from stack.cli.database import opened_database
from stack.cli.options import AsJson
from stack.cli.preparing import prepare


def command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Such as a mail address; one signs in with it.")
    ],
    *,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="viewer, operator or admin.")
    ] = "viewer",
    link: Annotated[
        bool, typer.Option("--link", help="Write a link to choose the password with, good once.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write that it is made, or the link; or a JSON object with `account_id`, `name` and `link`."""
    settings, home = prepare()
    password = None if link else asked_password()
    made: NewLink | None = None
    with opened_database(settings, home, "tandem account") as connection:
        account_id = create_account(connection, name, role, password)
        if link:
            made = make_reset_link(connection, account_id)
    address = None if made is None else f"{settings.api_url}{made.path}"
    if as_json:
        typer.echo(json.dumps({"account_id": account_id, "name": name, "link": address}))
    else:
        typer.echo(address or f"{name} can sign in as {role}.")


def asked_password() -> str:
    """A password that was typed twice; InvalidInputError where there is nobody to ask."""
    if not _is_terminal():
        raise InvalidInputError("A password is asked for on a terminal only. Give --link instead.")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _is_terminal() -> bool:
    return sys.stdin.isatty()
