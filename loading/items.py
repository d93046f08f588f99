"""Items of a table: each row checked, and made ready to be stored."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from domain.identifiers import LONGEST_ID, id_fault
from domain.limits import (
    DATES,
    LONGEST_DESCRIPTION,
    LONGEST_TITLE,
    MOST_ATTRIBUTE_BYTES,
    MOST_CATEGORIES,
    attributes_shape_fault,
    dates_fault,
)
from loading.plans import NO_ID, IdForm, ItemsPlan
from loading.reasons import ATTRIBUTES_REASONS, DATES_REASONS, ID_REASONS, Reason
from loading.rejects import Reject
from loading.tables import unreadable

ITEMS_AT_ONCE = 5_000
ATTRIBUTE = "attribute "
"""Begins the key of a value that is an attribute of the item."""

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
_NO_GENRES = "(no genres listed)"
# Not behind another backslash, which would make it text about a NUL character.
_NUL_IN_JSON = re.compile(r"(?<!\\)(\\\\)*\\u0000")
_YES = frozenset({"true", "t", "yes", "y", "1", "in stock", "in_stock", "available"})
_NO = frozenset({"false", "f", "no", "n", "0", "out of stock", "out_of_stock", "unavailable"})


@dataclass(frozen=True, slots=True)
class Item:
    """One item as a file has it. None: the file does not say, and what is stored stays."""

    item_id: str
    title: str
    categories: list[str] | None
    description: str | None
    attributes: Mapping[str, object] | None
    available: bool | None


@dataclass(frozen=True, slots=True)
class ItemBatch:
    """Some items that may be stored, and rows that may not."""

    table: pa.Table
    """row_no, item_id, title, categories, description, attributes (JSON text), available."""
    rejects: list[Reject]
    rows: int
    """How many rows of the file these are."""


class RowError(Exception):
    """The row cannot be an item."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


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
        if _listed(text) is None:
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
    if isinstance(value, float) and value.is_integer():
        value = int(value) if plan.id_form is IdForm.FLOAT else str(value)
    if not isinstance(value, str) or plan.id_form is IdForm.EXACT:
        return value
    text = value.strip()
    if text.lower() in NO_ID:
        return None
    return text.removesuffix(".0") if plan.id_form is IdForm.FLOAT else text


def read_item(row: Mapping[str, object]) -> Item:
    """An item from values by their meaning; RowError if it is none."""
    return Item(
        item_id=read_id(row.get("item_id")),
        title=read_title(row.get("title")),
        categories=read_categories(row.get("categories")),
        description=_read_description(row.get("description")),
        attributes=_read_attributes(row),
        available=_read_available(row.get("available")),
    )


def read_id(value: object) -> str:
    """An item's id: text, or a whole number."""
    if value is None or value == "":
        raise RowError(Reason.NO_ITEM_ID)
    if type(value) not in (str, int):
        raise RowError(Reason.ID_NOT_TEXT)
    item_id = str(value)
    if len(item_id) > LONGEST_ID:
        raise RowError(Reason.ID_TOO_LONG)
    return _clean(item_id)


def _clean(text: str) -> str:
    """An id or a category as it is; it is never changed to make it a good one."""
    fault = id_fault(text)
    if fault is not None:
        raise RowError(ID_REASONS[fault])
    return text


def read_title(value: object) -> str:
    """An item's title, which every item must have."""
    if value is None or value == "":
        raise RowError(Reason.NO_TITLE)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise RowError(Reason.INVALID_TITLE)
    if len(value) > LONGEST_TITLE:
        raise RowError(Reason.LONG_TITLE)
    return value


def split_categories(text: str) -> list[str]:
    """Categories joined with |, each once; blanks beside a | belong to neither."""
    names = dict.fromkeys(filter(None, map(str.strip, text.split("|"))))
    return [name for name in names if name != _NO_GENRES]


def read_categories(value: object) -> list[str] | None:
    """An item's categories, each once; None: the file does not say."""
    if value is None:
        return None
    if isinstance(value, str):
        listed = _listed(value)
        return _checked_categories(split_categories(value) if listed is None else listed)
    if not isinstance(value, list) or not all(isinstance(element, str) for element in value):
        raise RowError(Reason.INVALID_CATEGORIES)
    return _checked_categories(list(dict.fromkeys(value)))


def _listed(text: str) -> list[str] | None:
    """The texts of a list as JSON or Python writes it; None if it is none."""
    if not text.startswith("["):
        return None
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        values = _python_list(text)
    names = [each.get("name") if isinstance(each, dict) else each for each in values or ()]
    is_list = values is not None and all(isinstance(each, str) for each in names)
    return [str(each) for each in dict.fromkeys(names)] if is_list else None


def _python_list(text: str) -> list[object] | None:
    try:
        values = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return values if isinstance(values, list) else None


def _checked_categories(categories: list[str]) -> list[str]:
    if len(categories) > MOST_CATEGORIES:
        raise RowError(Reason.MANY_CATEGORIES)
    if any(len(category) > LONGEST_ID for category in categories):
        raise RowError(Reason.LONG_CATEGORY)
    return [_clean(category) for category in categories]


def _read_description(value: object) -> str | None:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = "\n".join(value)
    if value is not None and not isinstance(value, str):
        raise RowError(Reason.INVALID_DESCRIPTION)
    if value is not None and len(value) > LONGEST_DESCRIPTION:
        raise RowError(Reason.LONG_DESCRIPTION)
    return value


def _read_attributes(row: Mapping[str, object]) -> dict[str, object] | None:
    others = {
        key.removeprefix(ATTRIBUTE): value
        for key, value in row.items()
        if key.startswith(ATTRIBUTE) and value is not None and value != ""
    }
    given = row.get("attributes")
    if given is None:
        return others or None
    return others | _attributes_object(given)


def _attributes_object(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value or "{}")
        except orjson.JSONDecodeError as error:
            raise RowError(Reason.INVALID_ATTRIBUTES) from error
    if not isinstance(value, dict):
        raise RowError(Reason.INVALID_ATTRIBUTES)
    return value


def _read_available(value: object) -> bool | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return value
    written = str(value).strip().lower()
    if written in _YES | _NO:
        return written in _YES
    raise RowError(Reason.INVALID_AVAILABLE)


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
