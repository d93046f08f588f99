"""The keys that tokens are signed with: in a file, so that no copy of the database has them.

The file is a JSON array, oldest first. Each key signs from `signs_from` on until a later one does,
and its tokens are taken until `ends_at`. Every process reads the file again when it has changed, so
a key that is to sign only in a minute is known everywhere before its first token.
"""

import base64
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from domain.errors import InvalidInputError
from serving.runtime.faults import NoSigningKeysError

_BYTES = 32
"""As many as the SHA-256 that signs (RFC 7518, 3.2)."""
ROTATION_DELAY = timedelta(seconds=60)
"""A new key signs only after it: by then every process has read it."""
LONGEST_TOKEN = timedelta(days=1)
"""No token lives longer, so a key that has not signed for so long is of no use any more."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key."""

    key_id: str
    secret: bytes
    signs_from: datetime
    ends_at: datetime | None
    """None: it is the newest."""


def read_signing_keys(file: Path) -> Sequence[SigningKey]:
    """The keys of a file, oldest first.

    InvalidInputError if the file is not what `tandem token rotate` writes; OSError if it cannot be
    read.
    """
    try:
        entries = json.loads(file.read_text())
        keys = [_key(entry) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        # What stands in the file is secret, and stays out of the message.
        raise InvalidInputError(f"{file} is no file of signing keys.") from error
    if not keys:
        raise InvalidInputError(f"{file} has no signing key.")
    return sorted(keys, key=lambda key: key.signs_from)


def rotate_signing_keys(file: Path, now: datetime | None = None) -> SigningKey:
    """Add a key to the file, which is made if it is missing; answer the new key.

    The first key signs at once, a later one after `ROTATION_DELAY`; the others' tokens are taken
    for `LONGEST_TOKEN` after that. Keys whose time is over are removed.
    """
    now = now or datetime.now(UTC)
    known = read_signing_keys(file) if file.exists() else ()
    signs_from = now + ROTATION_DELAY if known else now
    ends_at = signs_from + LONGEST_TOKEN
    new = SigningKey(secrets.token_hex(8), secrets.token_bytes(_BYTES), signs_from, None)
    kept = [
        SigningKey(key.key_id, key.secret, key.signs_from, key.ends_at or ends_at)
        for key in known
        if key.ends_at is None or key.ends_at > now
    ]
    _write(file, [*kept, new])
    return new


class SigningKeys:
    """The keys in force; empty without a file."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._read_of: tuple[int, int] | None = None
        self._keys: dict[str, SigningKey] = {}

    def refresh(self) -> None:
        """Read the file again if it has changed.

        A file that is gone or damaged raises, and the keys last read stay in force.
        """
        if self._file is None:
            return
        status = self._file.stat()
        read_of = (status.st_mtime_ns, status.st_ino)
        if read_of != self._read_of:
            self._keys = {key.key_id: key for key in read_signing_keys(self._file)}
            self._read_of = read_of

    def signing(self) -> SigningKey:
        """The key to sign with now; NoSigningKeysError without any."""
        now = datetime.now(UTC)
        begun = [key for key in self._keys.values() if key.signs_from <= now]
        if not begun:
            raise NoSigningKeysError
        return begun[-1]

    def find(self, key_id: str) -> SigningKey | None:
        """The key whose tokens are still taken."""
        key = self._keys.get(key_id)
        if key is None or (key.ends_at is not None and key.ends_at <= datetime.now(UTC)):
            return None
        return key


def _key(entry: dict[str, Any]) -> SigningKey:
    secret = base64.b64decode(entry["secret"], validate=True)
    if len(secret) < _BYTES:
        raise ValueError("too short")
    ends_at = entry["ends_at"]
    return SigningKey(
        str(entry["key_id"]),
        secret,
        datetime.fromisoformat(entry["signs_from"]),
        None if ends_at is None else datetime.fromisoformat(ends_at),
    )


def _write(file: Path, keys: Sequence[SigningKey]) -> None:
    """Replace the file as a whole, readable by its owner alone."""
    entries = [
        {
            "key_id": key.key_id,
            "secret": base64.b64encode(key.secret).decode(),
            "signs_from": key.signs_from.isoformat(),
            "ends_at": None if key.ends_at is None else key.ends_at.isoformat(),
        }
        for key in keys
    ]
    written = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as target:
        json.dump(entries, target, indent=1)
        target.flush()
        os.fsync(target.fileno())
    written.replace(file)
