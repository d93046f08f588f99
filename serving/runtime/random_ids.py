"""Ids that nobody can guess, for less than a call of the system each.

The bytes are the system's, asked for by the page. No byte is given twice, and a process that was
forked takes a page of its own.
"""

import os
import uuid

_PAGE_BYTES, _ID_BYTES = 4096, 16
_VERSION_AND_VARIANT = 0xF000_C000_0000_0000_0000
_VERSION_4 = 0x4000_8000_0000_0000_0000


class _Page:
    """Random bytes that are left."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0

    def take(self) -> bytes:
        begin = self._at
        if begin >= len(self._bytes):
            self._bytes, begin = os.urandom(_PAGE_BYTES), 0
        self._at = begin + _ID_BYTES
        return self._bytes[begin : self._at]

    def forget(self) -> None:
        self._bytes, self._at = b"", 0


_page = _Page()
os.register_at_fork(after_in_child=_page.forget)


def random_bytes() -> bytes:
    """Sixteen bytes."""
    return _page.take()


def random_uuid() -> uuid.UUID:
    """A UUID of version 4, as `uuid.uuid4` makes it."""
    number = int.from_bytes(_page.take())
    return uuid.UUID(int=number & ~_VERSION_AND_VARIANT | _VERSION_4)
