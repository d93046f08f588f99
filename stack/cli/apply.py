"""Make placements what a file says, after showing what that changes.

The file is YAML, so that it can be versioned: `placements`, and under it each by its name. What it
does not name stays as it is; `name: null` ends a placement. All of it is applied, or none. Applied
twice it changes nothing.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from domain.errors import InvalidInputError
from serving.access.acting import Actor
from serving.placements.placement_keeping import PlacementKeeping
from serving.runtime.faults import PlacementConflictError
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.placements.files import read_placements
from stack.placements.keeping import keep_placements
from stack.placements.plan import PlannedChange, format_plan, planned_changes

CHANGES_PLANNED = 3


def command(
    file: Annotated[Path, typer.Argument(help="Such as placements.yaml.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show; exit code 3 if something would change.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Exit code 0: all is as the file says. 1: it is not, as somebody said no or saved meanwhile.

    With `--json`, which asks nothing and needs `--yes` or `--plan`: an array with `name`, `change`
    (new, changed, ended, same), `base_version` and `differences` of each, once that is done.
    """
    if as_json and not (yes or plan):
        raise InvalidInputError("With --json nobody is asked: add --yes, or --plan to only see.")
    wanted = read_placements(file)

    async def compare(keeping: PlacementKeeping, _actor: Actor) -> list[PlannedChange]:
        return planned_changes(wanted, await keeping.list())

    changes = keep_placements(*prepare(), compare)
    ahead = [change for change in changes if change.kind != "same"]
    if not as_json:
        typer.echo(format_plan(changes))
    applying = bool(ahead) and not plan
    if applying:
        if not (yes or typer.confirm("Apply this?")):
            typer.echo("Nothing was changed.")
            raise typer.Exit(1)
        keep_placements(*prepare(), lambda keeping, actor: _apply(ahead, keeping, actor))
    if as_json:
        typer.echo(json.dumps([change.to_dict() for change in changes]))
    elif applying:
        typer.echo(f"{len(ahead)} placements are as {file} says.")
    if plan and ahead:
        raise typer.Exit(CHANGES_PLANNED)


async def _apply(planned: Sequence[PlannedChange], keeping: PlacementKeeping, actor: Actor) -> None:
    """All or none: PlacementConflictError says who has saved one of them since the plan."""
    try:
        await keeping.apply([each.change() for each in planned], actor, note="applied")
    except PlacementConflictError as error:
        raise PlacementConflictError(
            f"{error} Nothing was applied. Apply the file again to see what it changes now."
        ) from error
