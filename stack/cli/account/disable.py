"""End all sessions of an account, and let nobody sign in to it."""

from typing import Annotated

import typer

from stack.accounts import disable_account
from stack.cli.answers import print_answer
from stack.cli.database import opened_database
from stack.cli.options import AsJson
from stack.cli.preparing import prepare


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Exit code 0 once nobody can sign in to it."""
    with opened_database(*prepare(), "tandem account") as connection:
        disable_account(connection, name)
    print_answer({"name": name, "disabled": True}, f"{name} is disabled.", as_json=as_json)
