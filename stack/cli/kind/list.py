"""List the event kinds: what each weighs, and which values it takes."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from domain.interactions import EventKind
from sql.event_kinds import find_kinds
from stack.cli.database import opened_database
from stack.cli.lists import print_list
from stack.cli.options import AsJson
from stack.cli.preparing import prepare


def command(*, as_json: AsJson = False) -> None:
    """Write a table, or a JSON array with the fields of `kind_fields`."""
    with opened_database(*prepare(), "tandem kind") as connection:
        kinds = list(find_kinds(connection).values())
    print_list(kinds, kind_fields, _table, nothing="There are no kinds.", as_json=as_json)


def kind_fields(kind: EventKind) -> dict[str, object]:
    """A kind for programs; `value` is null where its events have none, `reference` of ratings."""
    value = {
        "smallest": kind.smallest_value,
        "greatest": kind.greatest_value,
        "reference": kind.value_reference,
    }
    return {
        "kind": kind.kind,
        "weight": kind.weight,
        "marks_seen": kind.marks_seen,
        "value": None if kind.smallest_value is None else value,
        "half_life_days": kind.half_life_days,
        "description": kind.description,
    }


def _table(kinds: Sequence[EventKind]) -> Table:
    decaying = any(kind.half_life_days for kind in kinds)
    titles = ["kind", "weight", "shown again", "value", *(["half-life"] if decaying else [])]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title == "weight" else "left", no_wrap=True)
    table.add_column("description")
    for kind in kinds:
        again = "no" if kind.marks_seen or kind.weight < 0 else "yes"
        half_life = [f"{kind.half_life_days:g} days" if kind.half_life_days else ""]
        cells = [escape(kind.kind), f"{kind.weight:g}", again, _values(kind)]
        table.add_row(*cells, *(half_life if decaying else []), escape(kind.description))
    return table


def _values(kind: EventKind) -> str:
    if kind.rating_scale is not None:
        return f"rating on the scale {kind.rating_scale}"
    if kind.value_reference is None:
        return ""
    bounds = f"{kind.smallest_value:g} to {kind.greatest_value:g}"
    return f"{bounds}, reference {kind.value_reference:g}"
