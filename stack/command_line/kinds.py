"""The commands about event kinds."""

from typing import Annotated

import typer

from stack.command_line.calling import Complaining, call
from stack.command_line.options import AsJson

kinds = typer.Typer(
    cls=Complaining, no_args_is_help=True, help="List, create and change the kinds of events."
)


@kinds.command("list")
def list_kinds(*, json: AsJson = False) -> None:
    """List the event kinds: what each weighs, and which values it takes."""
    call("kind_list", as_json=json)


@kinds.command("set")
def set_kind(
    name: Annotated[str, typer.Argument(help="The kind as apps send it, such as share.")],
    *,
    weight: Annotated[
        float | None,
        typer.Option(
            help="What one event counts; a view counts 1. Below 0 it speaks against the item, and 0"
            " counts nothing. A new kind needs it."
        ),
    ] = None,
    seen: Annotated[
        bool | None,
        typer.Option(
            "--seen/--not-seen",
            help="Whether the item is not recommended to this user again. A new kind: it is not.",
        ),
    ] = None,
    half_life_days: Annotated[
        float | None,
        typer.Option(help="Age at which a nightly run counts an event half; 0: age is no matter."),
    ] = None,
    reference_value: Annotated[
        float | None,
        typer.Option(
            help="For events with a value, such as a rating: the value that weighs just --weight."
            " Others weigh in proportion, ten times as much at the most."
        ),
    ] = None,
    smallest_value: Annotated[
        float | None, typer.Option(help="The smallest value that is accepted.")
    ] = None,
    greatest_value: Annotated[
        float | None, typer.Option(help="The greatest value that is accepted.")
    ] = None,
    no_value: Annotated[
        bool, typer.Option("--no-value", help="Events of the kind have no value.")
    ] = False,
    description: Annotated[
        str | None, typer.Option(help="What a user did, for GET /v1/event-kinds.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Create an event kind, or change one: what is not named stays as it is.

    The API accepts a new kind at once. Nothing needs to be restarted.
    """
    call(
        "kind_set",
        name=name,
        weight=weight,
        marks_seen=seen,
        half_life_days=half_life_days,
        reference_value=reference_value,
        smallest_value=smallest_value,
        greatest_value=greatest_value,
        has_no_value=no_value,
        description=description,
        as_json=json,
    )
