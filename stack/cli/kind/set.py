"""Create an event kind, or change one: what is not named stays as it is.

The API accepts a new kind at once. Nothing needs to be restarted.
"""

import json
from typing import Annotated

import typer

from domain.interactions import (
    DISLIKE_STRENGTH,
    MOST_REFERENCES,
    EventKind,
    parse_scale,
)
from sql.event_kinds import KindChange, set_kind
from stack.cli.kind.list import kind_fields
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.database import connected
from stack.local.stores import opened_stores
from stack.person import person_at_the_machine

_NEW_COUNTS = (
    "The API accepts such events at once, and they change the user's recommendations at once."
    " Nightly lists learn from them from the next night on."
)
_CHANGE_COUNTS = (
    "Events recorded before count so too: in a user's live vector from the user's next event on, in"
    " everybody's and in the nightly lists from the next night on."
)

_VALUES_COUNT = " What their values were taken for as they came in stays."


def command(
    name: Annotated[
        str, typer.Argument(metavar="KIND", help="The kind as apps send it, such as share.")
    ],
    *,
    weight: Annotated[
        float | None,
        typer.Option(
            help="What one event counts; a view counts 1. Below 0 it means dislike, and 0"
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
            help="For events with a value, such as minutes: the value that weighs just --weight."
            " Others weigh in proportion, ten times as much at the most."
        ),
    ] = None,
    smallest_value: Annotated[
        float | None, typer.Option(help="The smallest value that is accepted.")
    ] = None,
    greatest_value: Annotated[
        float | None, typer.Option(help="The greatest value that is accepted.")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="LEAST:GREATEST",
            help="For ratings: the scale of those that are sent without one, such as 1:10. The"
            " greatest rating weighs --weight, those up to the middle nothing, and the lowest fifth"
            " speaks against the item.",
        ),
    ] = None,
    no_value: Annotated[
        bool, typer.Option("--no-value", help="Events of the kind have no value.")
    ] = False,
    description: Annotated[
        str | None, typer.Option(help="What a user did, for GET /v1/event-kinds.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what was understood, or a JSON object: the kind, `created`, and `changed` fields.

    KindRefusedError if the kind cannot be so.
    """
    change = KindChange(
        weight=weight,
        marks_seen=seen,
        half_life_days=half_life_days,
        reference_value=reference_value,
        smallest_value=smallest_value,
        greatest_value=greatest_value,
        scale=None if scale is None else parse_scale(scale),
        has_no_value=no_value,
        description=description,
    )
    with (
        opened_stores(*prepare(), "tandem kind") as stores,
        connected(stores.database.owner) as connection,
    ):
        kind, before = set_kind(connection, name, change, actor=person_at_the_machine())
    if as_json:
        answer = {"created": before is None, "changed": _changed(kind, before)}
        typer.echo(json.dumps(kind_fields(kind) | answer))
    else:
        typer.echo(_summary(kind, before))


def _changed(kind: EventKind, before: EventKind | None) -> list[str]:
    """The fields that are different from before; of a new kind none."""
    if before is None:
        return []
    old = kind_fields(before)
    return [name for name, value in kind_fields(kind).items() if value != old[name]]


def _summary(kind: EventKind, before: EventKind | None) -> str:
    if before is None:
        return "\n".join([f"{kind.kind} is a new kind of events.", _meaning(kind), _NEW_COUNTS])
    changed = _changed(kind, before)
    if not changed:
        return "\n".join([f"{kind.kind} is like this already; nothing changed.", _meaning(kind)])
    counts = _CHANGE_COUNTS + (_VALUES_COUNT if "value" in changed else "")
    changes = ", ".join(name.replace("_", " ") for name in changed)
    lines = [f"{kind.kind} is changed: {changes}.", _meaning(kind)]
    return "\n".join(lines if changed == ["description"] else [*lines, counts])


def _meaning(kind: EventKind) -> str:
    """What an event of the kind does, in sentences."""
    sides = {True: "for", False: "against"}
    side = f", {sides[kind.weight > 0]} the item" if kind.weight else ": it says nothing"
    if kind.rating_scale is not None and kind.weight:
        side = " at the most"
    shown = "not " if kind.marks_seen or kind.weight < 0 else ""
    sentences = [
        f"An event weighs {kind.weight:g}{side}.",
        f"The item is {shown}recommended to this user again.",
        _about_values(kind),
    ]
    if kind.half_life_days is not None:
        sentences.append(f"A nightly run counts it half after {kind.half_life_days:g} days.")
    return " ".join(sentences)


def _about_values(kind: EventKind) -> str:
    if kind.rating_scale is not None:
        return (
            f"It is a rating, on the scale {kind.rating_scale} unless it names another: the"
            f" greatest weighs {kind.weight:g}, those up to the middle 0, and those in the lowest"
            f" fifth {DISLIKE_STRENGTH * kind.weight:g}."
        )
    if kind.value_reference is None:
        return "It has no value."
    return (
        f"It has a value from {kind.smallest_value:g} to {kind.greatest_value:g};"
        f" {kind.value_reference:g} weighs {kind.weight:g}, others in proportion, at most"
        f" {MOST_REFERENCES:g} times as much."
    )
