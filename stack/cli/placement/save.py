"""Decide for a placement: the file becomes its next version, in force at once."""

from typing import Annotated

import typer

from serving.access.acting import Actor
from serving.placements.placement_keeping import PlacementKeeping, PlacementVersion
from serving.runtime.faults import UnknownPlacementError
from stack.cli.answers import print_answer
from stack.cli.options import AsJson
from stack.cli.placement.options import BaseVersion, DefinitionFile, Name
from stack.cli.placement.version_tables import in_words, version_fields
from stack.cli.preparing import prepare
from stack.placements.files import read_definition
from stack.placements.keeping import keep_placements


def command(
    name: Name,
    *,
    file: DefinitionFile,
    note: Annotated[str, typer.Option(help="Why it is so.")] = "",
    base_version: BaseVersion = None,
    as_json: AsJson = False,
) -> None:
    """Exit code 1 if the file cannot be, or another version was saved meanwhile."""
    definition = read_definition(file)

    async def save(keeping: PlacementKeeping, actor: Actor) -> PlacementVersion:
        base = await base_of(keeping, name) if base_version is None else base_version
        return await keeping.save(name, definition, actor, base_version=base, note=note)

    saved = keep_placements(*prepare(), save)
    print_answer(version_fields(saved), in_words(saved), as_json=as_json)


async def base_of(keeping: PlacementKeeping, name: str) -> int:
    """The version in force; 0: there is no such placement."""
    try:
        return (await keeping.find(name)).version
    except UnknownPlacementError:
        return 0
