"""List the newest versions of a placement: who saved each, when and why."""

from typing import Annotated

import typer

from stack.cli.options import AsJson
from stack.cli.placement.options import Name
from stack.cli.placement.version_tables import print_versions
from stack.cli.preparing import prepare
from stack.placements.keeping import keep_placements


def command(
    name: Name,
    *,
    most: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 20,
    as_json: AsJson = False,
) -> None:
    """Write a table, or a JSON array with the fields of `version_fields`."""
    found = keep_placements(
        *prepare(), lambda keeping, _actor: keeping.versions(name, before=None, most=most)
    )
    print_versions(found, as_json=as_json)
