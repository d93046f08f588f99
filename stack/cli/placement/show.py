"""Show what is decided for a placement, as YAML that `tandem placement save` takes."""

import json
from typing import Annotated

import typer
import yaml

from stack.cli.options import AsJson
from stack.cli.placement.options import Name
from stack.cli.placement.version_tables import version_fields
from stack.cli.preparing import prepare
from stack.placements.keeping import keep_placements


def command(
    name: Name,
    *,
    version: Annotated[int | None, typer.Option(min=1, help="Left out: the one in force.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the definition, or a JSON object with the fields of `version_fields`."""
    found = keep_placements(*prepare(), lambda keeping, _actor: keeping.find(name, version))
    if as_json:
        typer.echo(json.dumps(version_fields(found)))
    else:
        head = f"# {found.name}, version {found.version}"
        by = f", saved by {found.saved_by}" if found.saved_by else ""
        typer.echo(f"{head}{by}\n{yaml.safe_dump(found.definition, allow_unicode=True)}", nl=False)
