"""End a placement: requests that name it are refused, and its versions stay."""

from serving.access.acting import Actor
from serving.placements.placement_keeping import PlacementKeeping
from stack.cli.answers import print_answer
from stack.cli.options import AsJson
from stack.cli.placement.options import BaseVersion, Name
from stack.cli.placement.save import base_of
from stack.cli.preparing import prepare
from stack.placements.keeping import keep_placements


def command(name: Name, *, base_version: BaseVersion = None, as_json: AsJson = False) -> None:
    """Exit code 1 if there is none, or another version was saved meanwhile."""

    async def delete(keeping: PlacementKeeping, actor: Actor) -> None:
        base = await base_of(keeping, name) if base_version is None else base_version
        await keeping.delete(name, actor, base_version=base)

    keep_placements(*prepare(), delete)
    text = f"{name} is ended. `tandem placement rollback {name} VERSION` brings it back."
    print_answer({"name": name, "ended": True}, text, as_json=as_json)
