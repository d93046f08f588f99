"""Serve an earlier run again, within a second; nothing is learned again or lost."""

from typing import Annotated

import typer
from rich.console import Console

from domain.identifiers import RunId
from sql.rollback import roll_back
from stack.cli.answers import print_answer
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.database import using_engine
from stack.local.stores import opened_stores
from stack.person import account


def command(
    run: Annotated[
        int,
        typer.Argument(
            metavar="RUN", min=1, max=2**31 - 1, help="The run's number, as tandem runs lists it."
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Exit code 0 once the run is served; RollbackRefusedError if it cannot be.

    As JSON: `run_id`, and the `users` who were folded in.
    """
    console = Console(soft_wrap=True, highlight=False, stderr=as_json)
    users = 0

    def show(done: int, of: int) -> None:
        nonlocal users
        users = of
        status.update(f"bringing run {run} up to date: {done:,} of {of:,} users")

    with (
        opened_stores(*prepare(), "tandem rollback") as stores,
        using_engine(stores.database_url) as engine,
        console.status(f"bringing run {run} up to date") as status,
    ):
        roll_back(
            engine.begin,
            RunId(run),
            by=f"tandem rollback, {account()}",
            on_users=show,
        )
    text = f"Run {run} is served now. The one before stays retained."
    print_answer({"run_id": run, "users": users}, text, as_json=as_json)
