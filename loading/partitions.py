"""What folders say of the files in them, as Hive and Spark name them: `event_type=purchase`."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

_PARTITION = re.compile(r"([A-Za-z_]\w*)=(.+)")
_MISSING = "__HIVE_DEFAULT_PARTITION__"
_DAY = ("year", "month", "day")
DATE = "date"
"""The column of a day whose parts are three folders."""


def partition_folders(folder: Path, named: Path) -> Path:
    """The folders from one that was named to `folder`, and those around it that are such columns.

    What stands further above says where somebody keeps files, and nothing of their rows.
    """
    while _PARTITION.fullmatch(named.name):
        named = named.parent
    return folder.relative_to(named)


def partitions_of(folder: Path) -> Mapping[str, str | None]:
    """The columns that the names of a folder and of those around it say; None: an empty value."""
    found = (_PARTITION.fullmatch(part) for part in folder.parts)
    named = {each[1]: each[2] for each in found if each is not None}
    values = {name: None if text == _MISSING else unquote(text) for name, text in named.items()}
    day = [values.get(part) or "" for part in _DAY]
    if all(text.isascii() and text.isdigit() for text in day):
        year, month, date = (int(text) for text in day)
        values.setdefault(DATE, f"{year:04}-{month:02}-{date:02}")
    return values
