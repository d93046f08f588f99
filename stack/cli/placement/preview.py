"""Show what a draft would change before it is saved: users' lists now and then, and what moved.

The API makes the lists, so it has to run. Nothing is saved, and nothing counts as shown.
"""

import json
from http import HTTPStatus
from typing import Annotated, Any

import httpx
import typer

from domain.errors import StackError
from stack.api_key import placement_key
from stack.cli.options import AsJson
from stack.cli.placement.options import DefinitionFile, Name
from stack.cli.preparing import prepare
from stack.database import using_engine
from stack.http_client import send
from stack.local.home import is_up
from stack.local.stores import opened_stores
from stack.local.supervision.state import find_state
from stack.placements.files import read_definition

_PATIENCE_SECONDS = 60.0


class PreviewError(StackError):
    """The API did not make the preview."""


def command(
    name: Name,
    *,
    file: DefinitionFile,
    user: Annotated[
        list[str] | None, typer.Option("--user", help="Whose lists; may be repeated.")
    ] = None,
    drawn: Annotated[
        int | None,
        typer.Option(min=0, max=20, help="Other users, drawn at random. Left out: 5, or none."),
    ] = None,
    context: Annotated[
        list[str] | None, typer.Option(help="As device:phone; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what moved for each user, or what the API answered as JSON."""
    pairs = [pair.partition(":")[::2] for pair in context or ()]
    body = {
        "definition": read_definition(file).to_dict(),
        "users": user or [],
        "drawn": (0 if user else 5) if drawn is None else drawn,
        "context": dict(pairs) or None,
    }
    settings, home = prepare()
    with (
        opened_stores(settings, home, "tandem placement") as stores,
        using_engine(stores.database_url) as engine,
    ):
        key = placement_key(engine, home.placement_key_file)
        state = find_state(home.state_file) if is_up(home) else None
        api_url = settings.api_url if state is None else state.api_url
        answer = _asked(f"{api_url}/v1/placements/{name}/preview", key, body)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        typer.echo("\n\n".join(map(_lines, answer["lists"])) or "There are no users yet.")


def _asked(url: str, key: str, body: dict[str, Any]) -> Any:
    try:
        answer = send("POST", url, headers={"X-API-Key": key}, json=body, seconds=_PATIENCE_SECONDS)
    except httpx.HTTPError as error:
        raise PreviewError(f"The API does not answer at {url}: is it up (`tandem up`)?") from error
    if answer.status_code != HTTPStatus.OK:
        raise PreviewError(f"The API answered {answer.status_code}: {answer.text}")
    return answer.json()


def _lines(lists: dict[str, Any]) -> str:
    head = f"{lists['user_id']}: {len(lists['current'])} items now, {len(lists['draft'])} then"
    if lists["problem"]:
        return f"{lists['user_id']}: {lists['problem']['detail']}"
    moves = [
        f"    {_rank(move['before'])} -> {_rank(move['after'])}  {move['title'] or move['item_id']}"
        f"  ({', '.join([move['cause'], *move['rules']])})"
        for move in lists["moves"]
    ]
    return "\n".join([head, *(moves or ["    nothing moves"])])


def _rank(rank: int | None) -> str:
    return f"{'-' if rank is None else rank:>3}"
