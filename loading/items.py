"""Items of a chunk: checked row by row, and made ready to be stored."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from domain.identifiers import LONGEST_ID, id_fault
from domain.limits import (
    LONGEST_DESCRIPTION,
    LONGEST_TITLE,
    MOST_ATTRIBUTE_BYTES,
    MOST_CATEGORIES,
    attributes_shape_fault,
)
from loading.chunks import Chunk, Reject
from loading.columnar import as_list
from loading.reasons import ATTRIBUTES_REASONS, ID_REASONS, Reason

_SCHEMA = pa.schema(
    [
        ("row_index", pa.int32()),
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("categories", pa.list_(pa.string())),
        ("description", pa.string()),
        ("attributes", pa.string()),
        ("available", pa.bool_()),
    ]
)

_OWN_COLUMNS = frozenset(_SCHEMA.names) - {"row_index"}
# Not behind another backslash, which would make it text about a NUL character.
_NUL_IN_JSON = re.compile(r"(?<!\\)(\\\\)*\\u0000")
_YES = frozenset({"true", "t", "yes", "y", "1"})
_NO = frozenset({"false", "f", "no", "n", "0"})


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
class CheckedItems:
    """The good items of a chunk."""

    table: pa.Table
    """row_index (in the chunk), item_id, title, categories, description, attributes (JSON text),
    available."""
    rejects: list[Reject]


ReadItem = Callable[[Mapping[str, object]], Item]


class RowError(Exception):
    """The row cannot be an item."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def check_items(chunk: Chunk, read_item: ReadItem) -> CheckedItems:
    """The items of a chunk that may be stored, and the rows that are none.

    `read_item` makes an item of a row, or raises RowError.
    """
    columns = [as_list(column, chunk.size) for column in chunk.columns.values()]
    good: list[dict[str, object]] = []
    rejects = []
    for index, values in enumerate(zip(*columns, strict=True)):
        try:
            item = read_item(dict(zip(chunk.columns, values, strict=True)))
            good.append({"row_index": index, **_storable(item)})
        except RowError as error:
            rejects.append(chunk.reject(index, error.reason))
    return CheckedItems(pa.Table.from_pylist(good, schema=_SCHEMA), rejects)


def read_item(row: Mapping[str, object]) -> Item:
    """An item from a row of the columns item_id, title and so on; other columns are attributes."""
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
    if not isinstance(value, str):
        raise RowError(Reason.INVALID_TITLE)
    if len(value) > LONGEST_TITLE:
        raise RowError(Reason.LONG_TITLE)
    return value


def split_categories(text: str) -> list[str]:
    """Categories joined with |, each once; blanks beside a | belong to neither."""
    return list(dict.fromkeys(filter(None, map(str.strip, text.split("|")))))


def read_categories(value: object) -> list[str] | None:
    """An item's categories, each once; None: the file does not say."""
    if value is None:
        return None
    if isinstance(value, str):
        return _checked_categories(split_categories(value))
    if not isinstance(value, list) or not all(isinstance(element, str) for element in value):
        raise RowError(Reason.INVALID_CATEGORIES)
    return _checked_categories(list(dict.fromkeys(value)))


def _checked_categories(categories: list[str]) -> list[str]:
    if len(categories) > MOST_CATEGORIES:
        raise RowError(Reason.MANY_CATEGORIES)
    if any(len(category) > LONGEST_ID for category in categories):
        raise RowError(Reason.LONG_CATEGORY)
    return [_clean(category) for category in categories]


def _read_description(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise RowError(Reason.INVALID_DESCRIPTION)
    if value is not None and len(value) > LONGEST_DESCRIPTION:
        raise RowError(Reason.LONG_DESCRIPTION)
    return value


def _read_attributes(row: Mapping[str, object]) -> dict[str, object] | None:
    others = {
        name: value
        for name, value in row.items()
        if name not in _OWN_COLUMNS and value is not None and value != ""
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
    return written.decode()
