"""Decide for a placement: the file becomes its next version, in force at once."""

from typing import Annotated

import typer

from serving.access.acting import Actor
from serving.placements.placement_keeping import PlacementKeeping, PlacementVersion
from serving.runtime.faults import UnknownPlacementError
from stack.cli.placement.options import BaseVersion, DefinitionFile, Name, in_words
from stack.cli.preparing import prepare
from stack.placements.files import read_definition
from stack.placements.keeping import keep_placements


def command(
    name: Name,
    *,
    file: DefinitionFile,
    note: Annotated[str, typer.Option(help="Why it is so.")] = "",
    base_version: BaseVersion = None,
) -> None:
    """Exit code 1 if the file cannot be, or another version was saved meanwhile."""
    definition = read_definition(file)

    async def save(keeping: PlacementKeeping, actor: Actor) -> PlacementVersion:
        base = await base_of(keeping, name) if base_version is None else base_version
        return await keeping.save(name, definition, actor, base_version=base, note=note)

    typer.echo(in_words(keep_placements(*prepare(), save)))


async def base_of(keeping: PlacementKeeping, name: str) -> int:
    """The version in force; 0: there is no such placement."""
    try:
        return (await keeping.find(name)).version
    except UnknownPlacementError:
        return 0
