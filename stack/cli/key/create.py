"""Create an API key. It is shown once; only its hash is stored."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from domain.errors import InvalidInputError
from serving.access.callers import SCOPES
from serving.access.keys import MOST_PER_MINUTE
from stack.api_key import DEFAULT_SCOPES, create_key
from stack.cli.database import opened_database
from stack.cli.options import AsJson
from stack.cli.preparing import prepare

_DAYS = re.compile(r"([1-9][0-9]{0,4})d")


def command(
    *,
    name: Annotated[str, typer.Option(help="What the key is called, such as the app's name.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What the key may do: read (lists and items), write (events and items), users "
            "(what is said of users, and causes), token (make and revoke tokens for users) or"
            " admin. May be given repeatedly. Without it: read, write and users."
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="DAYSd|DATE",
            help="When it ends: after some days, as 90d, or when a day begins (UTC), as"
            " 2027-01-31. Without it: never.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_PER_MINUTE,
            help="Requests a minute. Without it: as the settings say.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the key alone, or a JSON object: `key`, `name`, `scopes`, `expires_at`, `limit`."""
    scopes = sorted(set(scope or DEFAULT_SCOPES))
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise InvalidInputError(f"There is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}.")
    expires_at = None if expires is None else expiry(expires, datetime.now(UTC))
    with opened_database(*prepare(), "tandem key") as connection:
        key = create_key(connection, name, scopes, expires_at=expires_at, per_minute=limit)
    answer = {
        "key": key,
        "name": name,
        "scopes": scopes,
        "expires_at": expires_at and expires_at.isoformat(),
        "limit": limit,
    }
    typer.echo(json.dumps(answer) if as_json else key)


def expiry(given: str, now: datetime) -> datetime:
    """When a key ends that is to end so; InvalidInputError if it cannot be understood."""
    days = _DAYS.fullmatch(given)
    if days is not None:
        return now + timedelta(days=int(days[1]))
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
            return datetime.fromisoformat(given).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidInputError(f"There is no day {given}.") from error
    raise InvalidInputError(f"Give --expires as 90d or as 2027-01-31; {given[:40]!r} is neither.")
