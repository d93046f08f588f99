"""List the placements, and which version of each is in force."""

import json

import typer

from stack.cli.options import AsJson
from stack.cli.placement.version_tables import print_versions, version_fields
from stack.cli.preparing import prepare
from stack.placements.keeping import keep_placements


def command(*, as_json: AsJson = False) -> None:
    """Write a table, or a JSON array with the fields of `version_fields`."""
    found = keep_placements(*prepare(), lambda keeping, _actor: keeping.list())
    if as_json:
        typer.echo(json.dumps([version_fields(each) for each in found]))
    else:
        print_versions(found)
