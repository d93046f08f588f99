"""Take away all events, items, users, lists and runs; keys, the team and kinds of events stay.

Asks for the word `empty` first. The stack must be stopped: its processes remember what is gone.
"""

from typing import Annotated

import redis
import typer

from domain.errors import InvalidInputError
from sql.audit import add_audit_entry
from sql.statements import statements
from stack.cli.answers import print_answer
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.database import connected
from stack.local.home import is_up
from stack.local.stores import opened_stores
from stack.person import person_at_the_machine

_STACK = statements("stack")
_WORD = "empty"
_KEYS = "tandem:*"


def command(
    *,
    confirm: Annotated[
        str | None,
        typer.Option(metavar=_WORD, help="The word that is asked for, where nobody can be asked."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """There is no way back but a backup.

    As JSON: how many `events`, `users`, `items` and `runs` there were. It needs --confirm then.
    """
    if as_json and confirm is None:
        raise InvalidInputError(f"With --json nobody is asked: add --confirm {_WORD}.")
    settings, home = prepare()
    if is_up(home):
        raise InvalidInputError("Tandem is running. `tandem down` stops it; then empty it.")
    with opened_stores(settings, home, "tandem empty") as stores:
        owner = stores.database.owner
        with connected(owner) as connection:
            there = connection.execute(_STACK["count_everything"]).one()
        typer.echo(
            f"This takes away {there.events:,} events, {there.users:,} users, {there.items:,} items"
            f" and {there.runs:,} runs. There is no way back.",
            err=as_json,
        )
        word = confirm if confirm is not None else typer.prompt(f"Type {_WORD} to do so")
        if word != _WORD:
            raise InvalidInputError("Nothing was taken away.")
        with connected(owner) as connection:
            connection.execute(_STACK["empty_store"])
            actor = person_at_the_machine()
            taken = {"events": there.events, "users": there.users, "items": there.items}
            add_audit_entry(connection, "empty", "everything", actor=actor, **taken)
        if stores.redis_url is not None:
            _forget_cached(stores.redis_url)
    fields = {**taken, "runs": there.runs}
    print_answer(fields, "Tandem is empty. `tandem load PATH` fills it.", as_json=as_json)


def _forget_cached(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(_KEYS, count=1000):
            client.unlink(key)
