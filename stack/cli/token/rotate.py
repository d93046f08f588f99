"""Add a key to the file of keys that tokens are signed with; the file is made if it is missing.

Every API process reads the file again within seconds. Nothing needs to be restarted, and tokens of
the key before are taken until the last of them has expired.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from domain.errors import InvalidInputError
from serving.access.settings import TokenSettings
from serving.access.signing_keys import (
    LONGEST_TOKEN,
    SigningKey,
    read_signing_keys,
    rotate_signing_keys,
)
from stack.cli.options import AsJson
from stack.cli.preparing import prepare


def command(
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            help="The file of the keys. Without it: TANDEM_SIGNING_KEYS_FILE, or"
            " signing_keys.json of the home folder."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what happens when, or JSON: `file`, `key_id`, `signs_from`, `ends` of those before."""
    _, home = prepare()
    chosen = file or TokenSettings().signing_keys_file or home.signing_keys_file
    try:
        if file is None and chosen == home.signing_keys_file:
            home.make()
        new = rotate_signing_keys(chosen)
        before = [key for key in read_signing_keys(chosen) if key.ends_at is not None]
    except OSError as error:
        raise InvalidInputError(f"{chosen} cannot be written: {error.strerror}.") from error
    if as_json:
        ends = {key.key_id: key.ends_at and key.ends_at.isoformat() for key in before}
        signs_from = new.signs_from.isoformat()
        rotated = {
            "file": str(chosen),
            "key_id": new.key_id,
            "signs_from": signs_from,
            "ends": ends,
        }
        typer.echo(json.dumps(rotated))
    else:
        typer.echo(_summary(chosen, new, before))


def _summary(file: Path, new: SigningKey, before: list[SigningKey]) -> str:
    if not before:
        return (
            f"{file} has its first key, {new.key_id}, which signs at once."
            " Start the API with TANDEM_SIGNING_KEYS_FILE set to the file."
        )
    lines = [f"Key {new.key_id} signs from {_written(new.signs_from)}."]
    for key in before:
        ends_at = key.ends_at or new.signs_from + LONGEST_TOKEN
        lines.append(f"Tokens of {key.key_id}, before it, are taken until {_written(ends_at)}.")
    lines.append("On other machines, copy the file there before the new key signs.")
    return "\n".join(lines)


def _written(at: datetime) -> str:
    form = "%H:%M:%S" if at.date() == datetime.now(UTC).date() else "%Y-%m-%d %H:%M:%S"
    return f"{at:{form}} UTC"
