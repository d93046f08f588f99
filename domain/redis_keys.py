"""The names under which speed and serving meet in Redis. Nothing there is precious."""

from domain.identifiers import UserNo

WAKE_CHANNEL = "tandem:events"
"""Serving publishes here after events are committed; a lost message costs latency, never data."""

VERSION_SECONDS = 60
"""How long a user's cache version is kept: longer than any answer takes to make."""


def user_entry(user_no: UserNo) -> str:
    """The hash that holds all cached answers of one user, a field per run and parameters."""
    return f"tandem:answers:{user_no}"


def user_version(user_no: UserNo) -> str:
    """The counter raised whenever a user's answers are dropped.

    An answer computed before a drop must not be stored after it; who stores compares the counter.
    """
    return f"tandem:version:{user_no}"
