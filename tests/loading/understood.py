"""Small files, each with what becomes of it."""

import io
import zipfile
from dataclasses import dataclass, field
from typing import Any

SECOND = "2020-09-13T12:26:40+00:00"
"""1,600,000,000 seconds since 1970."""


@dataclass(frozen=True)
class Case:
    """A file, and what becomes of it."""

    name: str
    content: bytes | str
    stored: list[tuple[Any, ...]] | None = None
    """user, item, kind, value, scale and time of each event."""
    refused: str | None = None
    rejected: dict[str, int] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    mentions: tuple[str, ...] = ()
    """What is said of columns and of the file."""
    file: str = "events.csv"
    unread: tuple[str, ...] = ()


def view(user: str = "u1", item: str = "a", at: str = SECOND) -> tuple[Any, ...]:
    return (user, item, "view", None, None, at)


def rate(value: float, scale: str, user: str = "u1", item: str = "a") -> tuple[Any, ...]:
    return (user, item, "rate", value, scale, SECOND)


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_csv", ".csv"), content)
    return buffer.getvalue()
