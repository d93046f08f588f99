"""Attempts to sign in, and who has to wait before the next one.

What is counted is never a name alone, or anybody could lock anybody out: it is a name from one
address, and one address whatever the name. Only if one name is tried from very many addresses all
those have to wait from which nobody has signed in to it before.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from serving.access.callers import Account
from serving.access.console_sessions import account_of
from serving.postgres.store import WriteStore
from serving.runtime.faults import RateLimitedError
from sql.statements import statements

_ACCOUNTS = statements("accounts")


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Wrong attempts in a quarter of an hour before the next one has to wait for its end."""

    of_pair: int = 10
    """For one name from one address."""
    of_address: int = 30
    """From one address."""
    of_name: int = 100
    """For one name from all addresses; those it was signed in from do not wait."""
    window_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who wants to sign in, and from where."""

    name_key: str
    address: str

    def keys(self) -> dict[str, bytes]:
        """What is counted, as hashes."""
        return {
            "pair_key": _key("pair", self.name_key, self.address),
            "address_key": _key("address", self.address),
            "name_attempt_key": _key("name", self.name_key),
        }


@dataclass(frozen=True, slots=True)
class AttemptedAccount:
    """The account of an attempt that was counted and need not wait."""

    account: Account | None
    """None: there is none of this name."""
    password_hash: str | None
    is_disabled: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many attempts there were, this one included; None: it was not counted any more."""

    of_pair: int | None
    of_address: int | None
    of_name: int | None


def must_wait(counts: Counts, limits: AttemptLimits, *, is_known_address: bool) -> bool:
    """Whether an attempt is one too many."""
    if counts.of_pair is None or counts.of_pair > limits.of_pair:
        return True
    if counts.of_address is None or counts.of_address > limits.of_address:
        return True
    if is_known_address:
        return False
    return counts.of_name is None or counts.of_name > limits.of_name


class Attempts:
    """Counts them in the store, before the password is looked at."""

    def __init__(self, store: WriteStore, limits: AttemptLimits) -> None:
        self._store = store
        self._limits = limits

    async def count(self, attempt: Attempt) -> AttemptedAccount:
        """Count an attempt; RateLimitedError if it has to wait, with an account or without."""
        limits = self._limits
        parameters = {
            **attempt.keys(),
            "name_key": attempt.name_key,
            "most_of_pair": limits.of_pair,
            "most_of_address": limits.of_address,
            "window_seconds": limits.window_seconds,
        }
        (row,) = await self._store.write(_ACCOUNTS["count_attempt"], parameters)
        counts = Counts(row.of_pair, row.of_address, row.of_name)
        if must_wait(counts, limits, is_known_address=row.is_known_address):
            raise _refusal(row.window_ends_at, row.now)
        return _attempted(row)

    async def note_right(self, attempt: Attempt, account: Account) -> None:
        """It was the right password: attempts until now do not count, and the address is known."""
        parameters = {
            **attempt.keys(),
            "account_id": account.account_id,
            "most_of_pair": self._limits.of_pair,
        }
        await self._store.write(_ACCOUNTS["note_right_password"], parameters)


def _key(kind: str, *parts: str) -> bytes:
    # A name or an address holds no line end.
    return hashlib.sha256("\n".join((kind, *parts)).encode()).digest()


def _attempted(row: Row[Any]) -> AttemptedAccount:
    if row.account_id is None:
        return AttemptedAccount(None, None, is_disabled=False)
    return AttemptedAccount(account_of(row), row.password_hash, row.disabled_at is not None)


def _refusal(ends_at: datetime, now: datetime) -> RateLimitedError:
    seconds = max(math.ceil((ends_at - now).total_seconds()), 1)
    return RateLimitedError(
        f"Too many wrong passwords. Try again in {math.ceil(seconds / 60)} min.",
        retry_after_seconds=seconds,
    )
