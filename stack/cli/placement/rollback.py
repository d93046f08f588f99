"""Decide as an older version did: it is saved again, as the next one."""

from typing import Annotated

import typer

from serving.access.acting import Actor
from serving.placements.placement_keeping import PlacementKeeping, PlacementVersion
from stack.cli.placement.options import BaseVersion, Name, in_words
from stack.cli.placement.save import base_of
from stack.cli.preparing import prepare
from stack.placements.keeping import keep_placements


def command(
    name: Name,
    version: Annotated[
        int, typer.Argument(min=1, max=2**31 - 1, help="As `tandem placement versions` lists it.")
    ],
    *,
    base_version: BaseVersion = None,
) -> None:
    """Exit code 1 if there is no such version, or another was saved meanwhile."""

    async def roll_back(keeping: PlacementKeeping, actor: Actor) -> PlacementVersion:
        base = await base_of(keeping, name) if base_version is None else base_version
        return await keeping.roll_back(name, version, actor, base_version=base)

    typer.echo(in_words(keep_placements(*prepare(), roll_back)))
