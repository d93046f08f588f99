"""How the items of a table are understood."""

from collections.abc import Mapping

import duckdb

from domain.errors import InvalidInputError
from loading.layouts import Content, Layout
from loading.options import ALL_ATTRIBUTES, LoadOptions
from loading.plans import Column, IdForm, ItemsPlan, id_form, sample_of
from loading.tables import Table
from loading.words import ITEM_MEANINGS


def plan_items(
    duck: duckdb.DuckDBPyConnection,
    table: Table,
    layout: Layout | None,
    options: LoadOptions,
    fields: Mapping[str, str],
) -> ItemsPlan:
    """How the rows of a table become items; InvalidInputError for attributes it does not have."""
    own = {meaning: fields[meaning] for meaning in ITEM_MEANINGS if meaning in fields}
    others = [column for column in table.columns if column not in own.values()]
    names = {column: column for column in others if _is_chosen(column, options)}
    from_layout = layout.attributes if layout is not None else {}
    attributes = {**from_layout, **names}
    unknown = set(options.attributes) - {ALL_ATTRIBUTES} - set(table.columns)
    if unknown:
        raise InvalidInputError(
            f"--attributes {', '.join(sorted(unknown))}: {table.source.name} has the columns"
            f" {', '.join(table.columns)}."
        )
    columns = [
        Column(column, meaning, _item_read_as(meaning), sample_of(table, column))
        for meaning, column in own.items()
    ]
    columns += [
        Column(column, f"attribute {name}", "as it is", sample_of(table, column))
        for name, column in attributes.items()
    ]
    flags = layout.flags if layout is not None else ()
    read = {*own.values(), *attributes.values(), *table.columns[len(table.columns) - len(flags) :]}
    notes = table.notes
    if "title" not in own:
        notes = (*notes, "no title: the id is the title")
    return ItemsPlan(
        table,
        Content.ITEMS,
        own,
        attributes,
        tuple(columns),
        tuple(column for column in table.columns if column not in read),
        notes,
        layout.name if layout is not None else None,
        IdForm.EXACT
        if layout is not None and layout.is_export
        else id_form(duck, table, table.expressions[own["item_id"]]),
        layout.flags if layout is not None else (),
        layout is not None and layout.has_years,
    )


def _is_chosen(column: str, options: LoadOptions) -> bool:
    return column in options.attributes or ALL_ATTRIBUTES in options.attributes


def _item_read_as(meaning: str) -> str:
    return "a list, or joined with |" if meaning == "categories" else "as it is"
