"""Cursors: where a list goes on that somebody scrolls through.

A cursor holds the numbers of the items that were shown so far. What comes next is made as any list
is, without these: so nothing is shown twice and nothing eligible is lost, whatever happens between
two pages, and whichever run is served. No store and no process has to know of it. It is no secret:
whoever makes one up only leaves items out of a list that may be asked for anyway.
"""

import base64
import binascii
import struct
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np

from domain.identifiers import ItemNo
from serving.runtime.faults import CursorExpiredError, Fault, invalid_request

LONGEST_CURSOR = 6_000
"""Characters, as proxies take no longer addresses: about three thousand items."""
SCROLL_SECONDS = 86_400
"""So long a list can be gone on with, from its first page on."""

_VERSION = 1
_HEAD = struct.Struct("<BBI")
_CHECK_BYTES = 8
_MOST_PLAIN = 64
"""More numbers than this are worth to be packed."""
_MOST_BYTES = 4 * 100_000
_HIGHEST = 2**31 - 1
"""No item has a higher number."""
_NOT_OURS = (
    "It is no cursor of this list. Give the `next` of an answer unchanged, with the same user and"
    " parameters, or leave it out to begin anew."
)


class _Listed(Protocol):
    @property
    def item_no(self) -> ItemNo: ...


class _Page(Protocol):
    @property
    def items(self) -> Sequence[_Listed]: ...

    @property
    def degraded(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Scroll:
    """A list that somebody goes through page by page."""

    began_at: int
    """Seconds since 1970."""
    shown: tuple[ItemNo, ...] = ()
    """The items of all pages so far, by number."""

    @classmethod
    def begin(cls) -> "Scroll":
        """Nothing was shown yet."""
        return cls(int(time.time()))

    @classmethod
    def at(cls, cursor: str | None, binding: str) -> "Scroll":
        """The list that goes on; without a cursor one that begins. Raises as `read_cursor`."""
        return cls.begin() if cursor is None else read_cursor(cursor, binding)

    def after(self, page: _Page, limit: int, binding: str) -> str | None:
        """Where the list goes on after a page of up to `limit`; None: it ends.

        A page that is too short is the last. One that is less than it might have been is not: it
        may be asked for again.
        """
        if is_last(page, limit):
            return None
        return self.cursor((item.item_no for item in page.items), binding)

    def cursor(self, shown: Iterable[ItemNo], binding: str) -> str | None:
        """Where the list goes on after these; None: it has become too long.

        `binding`: whose list it is, and what was asked.
        """
        return ShownItems.of({*self.shown, *shown}).cursor(self.began_at, binding)


@dataclass(frozen=True, slots=True)
class ShownItems:
    """Items as cursors hold them."""

    data: bytes
    is_packed: bool

    @classmethod
    def of(cls, item_nos: Iterable[ItemNo]) -> "ShownItems":
        """These, each of which is there once."""
        numbers = sorted(item_nos)
        gaps = [number - before for number, before in zip(numbers, [0, *numbers], strict=False)]
        is_packed = len(gaps) > _MOST_PLAIN
        data = _packed(gaps) if is_packed else struct.pack(f"<{len(gaps)}I", *gaps)
        return cls(data, is_packed)

    def cursor(self, began_at: int, binding: str) -> str | None:
        """Where a list goes on that was begun then; None: it has become too long."""
        body = _HEAD.pack(_VERSION, self.is_packed, began_at) + self.data
        text = base64.urlsafe_b64encode(body + checksum(body, binding)).rstrip(b"=").decode()
        return text if len(text) <= LONGEST_CURSOR else None


def is_last(page: _Page, limit: int) -> bool:
    """Whether a list of up to `limit` items a page ends with this one."""
    return page.degraded is None and len(page.items) < limit


def read_cursor(text: str, binding: str) -> Scroll:
    """The list that goes on.

    FaultyInputError if it is the cursor of another user or request, or none; CursorExpiredError if
    the list was begun too long ago.
    """
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        whole = b""
    body, check = whole[:-_CHECK_BYTES], whole[-_CHECK_BYTES:]
    if len(body) < _HEAD.size or check != checksum(body, binding):
        raise invalid_request([Fault("query:cursor", _NOT_OURS)])
    version, is_packed, began_at = _HEAD.unpack_from(body)
    if time.time() - began_at > SCROLL_SECONDS:
        raise CursorExpiredError
    data = body[_HEAD.size :]
    numbers = _numbers(_unpacked(data) if is_packed else data)
    # Anybody can make a cursor up whose checksum is right.
    if version != _VERSION or numbers is None:
        raise invalid_request([Fault("query:cursor", _NOT_OURS)])
    return Scroll(began_at, tuple(map(ItemNo, numbers)))


def _numbers(data: bytes | None) -> Sequence[int] | None:
    """The numbers of items, rising, from the gaps between them; None: these are none."""
    if data is None or len(data) % 4:
        return None
    gaps = np.frombuffer(data, dtype="<u4").astype(np.int64)
    numbers: list[int] = np.cumsum(gaps).tolist()
    return None if (gaps == 0).any() or numbers[-1:] > [_HIGHEST] else numbers


def _unpacked(data: bytes) -> bytes | None:
    """What `_packed` has packed; None: it has not packed this."""
    unpacking = zlib.decompressobj()
    try:
        places = unpacking.decompress(data, _MOST_BYTES)
    except zlib.error:
        return None
    if not unpacking.eof or unpacking.unused_data or len(places) % 4:
        return None
    return np.frombuffer(places, dtype=np.uint8).reshape(4, -1).T.tobytes()


def shown_key(shown: Sequence[ItemNo]) -> str:
    """A short name of what was shown; empty on the first page."""
    if not shown:
        return ""
    return blake2b(np.sort(np.array(shown, dtype="<u4")).tobytes(), digest_size=16).hexdigest()


def _packed(gaps: Sequence[int]) -> bytes:
    """The bytes of one place are alike: they stand together."""
    places = np.array(gaps, dtype="<u4").view(np.uint8).reshape(-1, 4).T
    return zlib.compress(places.tobytes())


def checksum(body: bytes, binding: str) -> bytes:
    """What tells the cursor of one list from that of another; no secret."""
    return blake2b(binding.encode() + b"\0" + body, digest_size=_CHECK_BYTES).digest()
