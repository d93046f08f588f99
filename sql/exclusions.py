"""What users must not be shown, as the log has it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from domain.identifiers import ItemNo, Position, UserId, UserNo
from sql.statements import statements

_SERVING = statements("serving")
_SPEED = statements("speed")


@dataclass(frozen=True, slots=True)
class ExcludedItems:
    """All items that are not shown to one user."""

    user_no: UserNo
    user_id: UserId
    seen: frozenset[ItemNo]
    disliked: frozenset[ItemNo]
    """Items the user disliked or hid."""


def load_exclusions(connection: Connection, user_nos: Sequence[UserNo]) -> list[ExcludedItems]:
    """The exclusions of those of the users who exist."""
    rows = connection.execute(_SERVING["load_exclusions"], {"user_nos": list(user_nos)})
    return [
        ExcludedItems(
            UserNo(row.user_no), UserId(row.user_id), frozenset(row.seen), frozenset(row.disliked)
        )
        for row in rows
    ]


def load_horizon_and_recovery(connection: Connection) -> tuple[Position, bytes]:
    """The horizon as `sql.log.event_horizon`, and what is another after each crash.

    A crash may take commits that did not wait for the disk, as those of a load: what was read at
    positions up to an earlier horizon then says nothing of what stands there now.
    """
    (found,) = connection.execute(_SPEED["load_horizon_and_recovery"])
    return Position(found.horizon), b"%d" % found.recovery


def load_users_before(
    connection: Connection, before: Position, *, rows: int, seconds: float
) -> tuple[list[UserNo], Position | None]:
    """Users of the newest `rows` changes below a position, and the position to go on from.

    Only of what came within the last `seconds`; None: there is nothing more.
    """
    parameters = {"before": before, "rows": rows, "seconds": seconds}
    (found,) = connection.execute(_SPEED["load_users_before"], parameters)
    return list(found.user_nos), found.position


def load_changed_users(connection: Connection, *, after: Position, until: Position) -> list[UserNo]:
    """Users of whom something is new in (after, until], deletions and interests too."""
    parameters = {"after": after, "until": until}
    return list(connection.execute(_SPEED["load_changed_users"], parameters).scalars())
