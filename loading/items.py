"""Items of a table: each row checked, and made ready to be stored."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from domain.limits import DATES, MOST_ATTRIBUTE_BYTES, attributes_shape_fault, dates_fault
from loading.item_values import ATTRIBUTE, Item, RowError, listed, read_item, split_categories
from loading.plans import FORMULA, NO_ID, IdForm, ItemsPlan, whole_number
from loading.reasons import ATTRIBUTES_REASONS, DATES_REASONS, Reason
from loading.rejects import Reject
from loading.tables import unreadable

ITEMS_AT_ONCE = 5_000

_SCHEMA = pa.schema(
    [
        ("row_no", pa.int32()),
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("categories", pa.list_(pa.string())),
        ("description", pa.string()),
        ("attributes", pa.string()),
        ("available", pa.bool_()),
    ]
)

_YEAR = re.compile(r"\((\d{4})\)\s*$")
# Not behind another backslash, which would make it text about a NUL character.
_NUL_IN_JSON = re.compile(r"(?<!\\)(\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class ItemBatch:
    """Some items that may be stored, and rows that may not."""

    table: pa.Table
    """row_no, item_id, title, categories, description, attributes (JSON text), available."""
    rejects: list[Reject]
    rows: int
    """How many rows of the file these are."""


def item_batches(
    duck: duckdb.DuckDBPyConnection, plan: ItemsPlan, tags: Mapping[str, list[str]]
) -> Iterator[ItemBatch]:
    """The items of a file, some at a time; `tags` are those of each item.

    Raises InvalidInputError where the file is damaged.
    """
    try:
        reader = duck.sql(f"select * from {plan.table.view}").to_arrow_reader(ITEMS_AT_ONCE)
        for batch in reader:
            yield _checked(plan, batch.to_pylist(), tags)
    except duckdb.Error as error:
        raise unreadable(plan.table.source, error) from error


def _checked(
    plan: ItemsPlan, rows: Sequence[Mapping[str, Any]], tags: Mapping[str, list[str]]
) -> ItemBatch:
    good: list[dict[str, object]] = []
    rejects = []
    for row in rows:
        try:
            item = read_item(named_values(plan, row))
            if item.item_id in tags:
                item = replace(
                    item, attributes={**(item.attributes or {}), "tags": tags[item.item_id]}
                )
            good.append({"row_no": row["row_no"], **_storable(item)})
        except RowError as error:
            rejects.append(
                Reject(
                    plan.table.source.name,
                    plan.table.line_of(row["row_no"]),
                    error.reason,
                    row["raw"],
                )
            )
    return ItemBatch(pa.Table.from_pylist(good, schema=_SCHEMA), rejects, len(rows))


def named_values(plan: ItemsPlan, row: Mapping[str, Any]) -> dict[str, object]:
    """A row's values by what they mean; RowError if it is no row."""
    if row["fault"] is not None:
        raise RowError(Reason(row["fault"]))
    given = orjson.loads(row["json"]) if plan.table.is_json else row
    names = plan.table.stored_names
    values: dict[str, object] = {
        meaning: _value(given, names[column]) for meaning, column in plan.fields.items()
    }
    values["item_id"] = _clean_id(values.get("item_id"), plan)
    if "title" not in plan.fields:
        values["title"] = values["item_id"]
    if plan.fields.get("categories") in plan.table.sequences:
        values["categories"] = str(values["categories"] or "").split()
    elif plan.between_categories != "|" and isinstance(values.get("categories"), str):
        text = str(values["categories"])
        if listed(text) is None:
            values["categories"] = split_categories(text.replace(plan.between_categories, "|"))
    if plan.flags:
        columns = list(names.values())[plan.flags_from :]
        values["categories"] = [
            flag
            for flag, column in zip(plan.flags, columns, strict=False)
            if given.get(column) == "1"
        ]
    attributes = {name: _value(given, names[column]) for name, column in plan.attributes.items()}
    if plan.years and (year := _YEAR.search(str(values["title"] or ""))):
        attributes["year"] = int(year[1])
    return values | {ATTRIBUTE + name: value for name, value in attributes.items()}


def _value(row: Mapping[str, Any], name: str) -> object:
    """A value, which in JSON may stand in an object within the row; ids as MongoDB exports them."""
    outer, _, inner = name.partition(".")
    value = row.get(name)
    if value is None and inner and isinstance(row.get(outer), dict):
        value = row[outer].get(inner)
    return value["$oid"] if isinstance(value, dict) and list(value) == ["$oid"] else value


def _clean_id(value: object, plan: ItemsPlan) -> object:
    """Blanks around an id are not part of it, nor is the .0 of whole numbers."""
    if isinstance(value, Decimal) or (isinstance(value, float) and value.is_integer()):
        value = str(value)
    if not isinstance(value, str) or plan.id_form is IdForm.EXACT:
        return value
    text = value.strip()
    if plan.id_form is IdForm.FORMULA and text.startswith(FORMULA[0]):
        text = text.removeprefix(FORMULA[0]).removesuffix(FORMULA[1]).strip()
    if text.lower() in NO_ID:
        return None
    return whole_number(text) if plan.id_form is IdForm.FLOAT else text


def _storable(item: Item) -> dict[str, object]:
    attributes = None if item.attributes is None else _json(item.attributes)
    texts = [item.item_id, item.title, item.description or "", *(item.categories or ())]
    if any("\0" in text for text in texts) or _NUL_IN_JSON.search(attributes or ""):
        raise RowError(Reason.NUL_CHARACTER)
    return {
        "item_id": item.item_id,
        "title": item.title,
        "categories": item.categories,
        "description": item.description,
        "attributes": attributes,
        "available": item.available,
    }


def _json(attributes: Mapping[str, object]) -> str:
    """JSON text with sorted keys; what Parquet holds beside JSON's types is written as text."""
    fault = attributes_shape_fault(attributes)
    if fault is not None:
        raise RowError(ATTRIBUTES_REASONS[fault])
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    try:
        written = orjson.dumps(attributes, default=str, option=options)
    except orjson.JSONEncodeError as error:
        raise RowError(Reason.UNWRITABLE_ATTRIBUTES) from error
    if len(written) > MOST_ATTRIBUTE_BYTES:
        raise RowError(Reason.LARGE_ATTRIBUTES)
    if any(name in attributes for name in DATES):
        # As they were written: a table may hold times that are no texts.
        unfit = dates_fault(orjson.loads(written))
        if unfit is not None:
            raise RowError(DATES_REASONS[unfit])
    return written.decode()
