"""How the items of a table are understood."""

from collections.abc import Mapping
from shlex import quote

import duckdb

from domain.errors import InvalidInputError
from domain.event_words import normalized
from loading.duck import literal
from loading.layouts import Content, Layout
from loading.options import ALL_ATTRIBUTES, LoadOptions
from loading.plans import Column, IdForm, ItemsPlan, id_form, sample_of
from loading.tables import NOT_TEXT, Table
from loading.words import ITEM_MEANINGS, last_part

_OF_ONE_PERSON = {"myrating", "yourrating", "exclusiveshelf"}
"""Columns of what sites give their users of their own."""


def plan_items(
    duck: duckdb.DuckDBPyConnection,
    table: Table,
    layout: Layout | None,
    options: LoadOptions,
    fields: Mapping[str, str],
) -> ItemsPlan:
    """How the rows of a table become items; InvalidInputError if they are something else."""
    _refuse_other_rows(duck, table, options, fields)
    if fields["item_id"] not in table.stored_names:
        raise InvalidInputError(
            "Two columns, or the name of a folder, are the id of an item in files of events only."
        )
    own = {
        meaning: fields[meaning]
        for meaning in ITEM_MEANINGS
        if fields.get(meaning) in table.stored_names
    }
    others = [column for column in table.stored_names if column not in own.values()]
    names = {column: column for column in others if _is_chosen(table, column, options)}
    from_layout = layout.attributes if layout is not None else {}
    attributes = {**from_layout, **names}
    joint = "|"
    if "categories" in own and (layout is None or not layout.is_export):
        joint = _between_categories(duck, table, own["categories"])
    columns = [
        Column(column, meaning, _read_as(meaning, joint), sample_of(table, column))
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
    is_export = layout is not None and layout.is_export
    item_ids = table.expressions[own["item_id"]]
    return ItemsPlan(
        table=table,
        content=Content.ITEMS,
        fields=own,
        attributes=attributes,
        columns=tuple(columns),
        unread=tuple(column for column in table.columns if column not in read),
        notes=notes,
        layout=layout.name if layout is not None else None,
        id_form=IdForm.EXACT if is_export else id_form(duck, table, item_ids),
        flags=flags,
        years=layout is not None and layout.has_years,
        between_categories=joint,
    )


def _is_chosen(table: Table, column: str, options: LoadOptions) -> bool:
    is_within_another = column.partition(".")[0] in table.columns and "." in column
    return column in options.attributes or (
        ALL_ATTRIBUTES in options.attributes and not is_within_another
    )


def _read_as(meaning: str, joint: str) -> str:
    return f"a list, or joined with {joint}" if meaning == "categories" else "as it is"


def _between_categories(duck: duckdb.DuckDBPyConnection, table: Table, column: str) -> str:
    """What stands between categories: | if any row has it, else ; or in columns of many a comma."""
    text = table.expressions[column]
    many = normalized(column).endswith("s") or "genre" in normalized(column)
    pipes, semicolons, commas = duck.execute(
        f"select bool_or(contains({text}, '|')), bool_or(contains({text}, ';')),"
        f" bool_or(contains({text}, ',')) from {table.view} where fault is null"
        f" and not starts_with(trim({text}), '[') and not starts_with({text}, {literal(NOT_TEXT)})"
    ).fetchall()[0]
    if pipes or not many:
        return "|"
    return ";" if semicolons else "," if commas else "|"


def _refuse_acts(table: Table, options: LoadOptions, fields: Mapping[str, str]) -> None:
    """InvalidInputError for what people did, without a column of who did it."""
    if {"user_id", "item_id", "title"} & set(options.columns):
        return
    item = fields["item_id"]
    as_items = f"--column {quote(f'item_id={item}')}"
    own = [each for each in table.columns if last_part(each) in _OF_ONE_PERSON]
    if own:
        raise InvalidInputError(
            f"{table.source.name} seems to be what one person did ({', '.join(own)}), and no column"
            f" says who. Say --user ID, or, if its rows are items, {as_items}."
        )
    if "event_id" in fields:
        raise InvalidInputError(
            f"{table.source.name} seems to hold orders ({fields['event_id']}), and no column says"
            " whose. Say --column user_id=NAME, --user ID if they are one person's, or join the"
            f" file of customers first. If its rows are items, say {as_items}."
        )


def _refuse_other_rows(
    duck: duckdb.DuckDBPyConnection,
    table: Table,
    options: LoadOptions,
    fields: Mapping[str, str],
) -> None:
    """InvalidInputError for rows that name items without being those: of orders, or reviews."""
    name = table.source.name
    if not {"title", "categories", "description", "attributes", "available"} & set(fields):
        if options.attributes or "item_id" in options.columns:
            return
        orders = (
            " They seem to be orders whose customers are in another file: join the two first."
            if "event_id" in fields
            else ""
        )
        raise InvalidInputError(
            f"{name} has the columns {', '.join(table.columns[:30])}: neither users, so these are"
            f" no events, nor titles of items.{orders} Say --column user_id=NAME, --user ID if one"
            " person did it all, or for items --column title=NAME or --attributes all."
        )
    _refuse_acts(table, options, fields)
    meaning = "title" if "title" in fields else "categories"
    # Of a catalogue with several rows of an item the last counts; reviews have ratings too.
    is_catalogue = meaning == "title" and not {"value", "kind"} & set(fields)
    if is_catalogue or meaning not in fields or {meaning, "item_id"} & set(options.columns):
        return
    item, title = (table.expressions[fields[each]] for each in ("item_id", meaning))
    items, several = duck.execute(
        f"select count(*), count(*) filter (titles > 1) from (select count(distinct {title}) as"
        f" titles from {table.view} where fault is null group by {item})"
    ).fetchall()[0]
    if several * 10 > items:
        raise InvalidInputError(
            f"In {name}, {several:,} of {items:,} values of {fields['item_id']} stand beside more"
            f" than one {fields[meaning]}. If its rows are what people did, say --column"
            " user_id=NAME; if they are items,"
            f" --column {quote(f'{meaning}={fields[meaning]}')}: the last row of each counts."
        )
