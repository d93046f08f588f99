"""Decide as an older version did: it is saved again, as the next one."""

from typing import Annotated

import typer

from serving.access.acting import Actor
from serving.placements.placement_keeping import PlacementKeeping, PlacementVersion
from stack.cli.answers import print_answer
from stack.cli.options import AsJson
from stack.cli.placement.options import BaseVersion, Name
from stack.cli.placement.save import base_of
from stack.cli.placement.version_tables import in_words, version_fields
from stack.cli.preparing import prepare
from stack.placements.keeping import keep_placements


def command(
    name: Name,
    version: Annotated[
        int, typer.Argument(min=1, max=2**31 - 1, help="As `tandem placement versions` lists it.")
    ],
    *,
    base_version: BaseVersion = None,
    as_json: AsJson = False,
) -> None:
    """Exit code 1 if there is no such version, or another was saved meanwhile."""

    async def roll_back(keeping: PlacementKeeping, actor: Actor) -> PlacementVersion:
        base = await base_of(keeping, name) if base_version is None else base_version
        return await keeping.roll_back(name, version, actor, base_version=base)

    saved = keep_placements(*prepare(), roll_back)
    print_answer(version_fields(saved), in_words(saved), as_json=as_json)
