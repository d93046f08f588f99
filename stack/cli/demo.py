"""Open the console on a user whose lists follow each click. The stack must be running."""

import webbrowser
from typing import Annotated
from urllib.parse import urlencode

import typer

from domain.errors import StackError
from stack.cli.answers import print_answer
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.local.home import Home, is_up
from stack.local.starting.database_steps import admin_path
from stack.local.supervision.state import StackState, find_state

_NOBODY_YET = "Nobody can sign in yet. Register the first admin, within an hour, and come back:"


class NothingToOpenError(StackError):
    """No stack runs here: start one with `tandem up`."""


def command(
    *,
    user: Annotated[
        str | None, typer.Option(help="Whose lists; otherwise the page offers some users.")
    ] = None,
    browser: Annotated[
        bool, typer.Option(help="Open a browser, and do not only write the address.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Write the address, and where the first admin registers if there is none.

    As JSON: `url`, and whether the `first_admin` registers there. Then no browser is opened.
    """
    _, home = prepare()
    state = _running(home)
    address = state.api_url + ("/" if user is None else f"/?{urlencode({'user': user})}")
    first_admin = admin_path(state.database.app)
    text = address
    if first_admin is not None:
        address = state.api_url + first_admin
        text = f"{_NOBODY_YET}\n{address}"
    print_answer({"url": address, "first_admin": first_admin is not None}, text, as_json=as_json)
    if browser and not as_json and not webbrowser.open(address):
        typer.echo("There is no browser here: open the address in one.", err=True)


def _running(home: Home) -> StackState:
    state = find_state(home.state_file) if is_up(home) else None
    if state is None:
        raise NothingToOpenError
    return state
