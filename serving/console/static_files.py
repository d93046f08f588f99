"""What the pages of the console are made of beside their text: styles, scripts, an icon."""

import hashlib
from functools import cache
from pathlib import Path

from serving.http.middleware import compressed
from serving.pages import Page

FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}
_DIGITS = 12

NAMES = frozenset(path.name for path in FOLDER.iterdir())


def find_static_file(name: str) -> Page | None:
    """A file by its name, read once; None if there is none."""
    return _read(name) if name in NAMES else None


@cache
def version(name: str) -> str:
    """What tells a file from what it is after any change: its address has it.

    So browsers keep a file for good, and never one of another release.
    """
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:_DIGITS]


@cache
def _read(name: str) -> Page:
    path = FOLDER / name
    body = path.read_bytes()
    return Page(_MEDIA_TYPES[path.suffix], body, compressed(body, level=9))
