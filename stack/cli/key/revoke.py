"""End an API key. Every process knows within 10 seconds (TANDEM_API_KEY_SECONDS)."""

from typing import Annotated

import typer

from stack.api_key import revoke_key
from stack.cli.answers import print_answer
from stack.cli.database import opened_database
from stack.cli.options import AsJson
from stack.cli.preparing import prepare


def command(
    named: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PREFIX",
            help="The key's name, or how it begins, as `tandem key list` shows both.",
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Exit code 0 once the key is not in force; one that was revoked before is named so.

    As JSON: `name`, `prefix`, `revoked_at`, and `was_in_force`: whether it was until now.
    """
    with opened_database(*prepare(), "tandem key") as connection:
        key, was_in_force = revoke_key(connection, named)
    revoked_at = key.revoked_at and key.revoked_at.isoformat()
    fields = {"name": key.name, "prefix": key.prefix, "revoked_at": revoked_at}
    when = "is revoked" if was_in_force else f"was revoked before, on {key.revoked_at:%Y-%m-%d}"
    text = f"{key.name} ({key.prefix}) {when}."
    print_answer(fields | {"was_in_force": was_in_force}, text, as_json=as_json)
