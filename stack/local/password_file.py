"""Passwords that the stack makes for itself, each in a file that only its owner may read."""

import os
import secrets
from pathlib import Path


def ensure_password(file: Path) -> str:
    """The password in the file, which is made, mode 0600, if there is none."""
    password = find_password(file)
    if password is not None:
        return password
    password = secrets.token_urlsafe(24)
    # Whole or not at all: half a password after a crash would lock everybody out.
    draft = file.with_name(f"{file.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as target:
        target.write(password)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(file)
    return password


def find_password(file: Path) -> str | None:
    """The password in the file; None if there is none that we may read."""
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
