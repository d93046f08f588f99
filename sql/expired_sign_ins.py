"""Sessions, tokens, links and attempts that are of no use any more."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from sql.statements import statements

_ACCOUNTS = statements("accounts")

Begin = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction."""


def clear_expired_sign_ins(begin: Begin, most: int) -> int:
    """Delete them, up to `most` of each kind in a transaction; how many went."""
    cleared = 0
    while True:
        with begin() as connection:
            parameters = {"most": most}
            gone = connection.execute(_ACCOUNTS["clear_expired_sign_ins"], parameters).scalar_one()
        if not gone:
            return cleared
        cleared += int(gone)
