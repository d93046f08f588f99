"""Values of items: each read by what it means, and checked."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from domain.identifiers import LONGEST_ID, id_fault
from domain.limits import LONGEST_DESCRIPTION, LONGEST_TITLE, MOST_CATEGORIES
from loading.reasons import ID_REASONS, Reason

ATTRIBUTE = "attribute "
"""Begins the key of a value that is an attribute of the item."""

_NO_GENRES = "(no genres listed)"
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


class RowError(Exception):
    """The row cannot be an item."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


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
        names = listed(value)
        return _checked_categories(split_categories(value) if names is None else names)
    if not isinstance(value, list) or not all(isinstance(element, str) for element in value):
        raise RowError(Reason.INVALID_CATEGORIES)
    return _checked_categories(list(dict.fromkeys(value)))


def listed(text: str) -> list[str] | None:
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
