"""The synthetic shop: users at home in one of several groups of items, and what they did so far."""

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from domain.identifiers import ItemNo, KindNo, UserId
from sql.log import NewEvent, load_kinds, record_parameters
from sql.statements import statements
from stack.chaos.options import ChaosOptions

PROBED_USERS = 40
"""The last users: only those who measure recovery act for them."""

_CHAOS, _LOG = statements("chaos"), statements("log")
_FEWEST_EVENTS, _MOST_EVENTS = 12, 40
_DAYS = 60.0
_AT_HOME = 0.85
"""Share of a user's interactions with items of their own group."""
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Shop:
    """What the load draws from."""

    users: tuple[str, ...]
    probed: tuple[str, ...]
    item_nos: dict[str, ItemNo]
    kinds: dict[str, KindNo]
    marking: frozenset[str]
    """Kinds after which the item is not recommended to the user again."""
    seen: dict[str, frozenset[str]]
    """What each user had seen before the load began."""


def taste_of(user_place: int, items: int, groups: int, drawn: random.Random) -> str:
    """An item the user is likely to take: popular ones first, mostly of the user's group."""
    group = user_place % groups if drawn.random() < _AT_HOME else drawn.randrange(groups)
    rank = int(items // groups * drawn.random() ** 2)
    return f"item-{rank * groups + group}"


def open_shop(engine: Engine, options: ChaosOptions) -> Shop:
    """Make the items and the history of the users in the store."""
    drawn = random.Random(options.seed)  # noqa: S311 - not for secrets
    with engine.begin() as connection:
        sizes = {
            "items": options.items // options.groups * options.groups,
            "groups": options.groups,
        }
        connection.execute(_CHAOS["store_items"], sizes)
        item_nos = {row.item_id: row.item_no for row in connection.execute(_CHAOS["load_item_nos"])}
        kinds = load_kinds(connection).kinds
    by_name = {kind.kind: kind for kind in kinds}
    users = tuple(f"user-{place}" for place in range(options.users))
    histories = {
        user: _history(place, len(item_nos), options.groups, drawn)
        for place, user in enumerate(users)
    }
    _record(engine, histories, item_nos, by_name["view"].kind_no, drawn)
    return Shop(
        users=users[:-PROBED_USERS],
        probed=users[-PROBED_USERS:],
        item_nos=item_nos,
        kinds={name: kind.kind_no for name, kind in by_name.items()},
        marking=frozenset(kind.kind for kind in kinds if kind.marks_seen or kind.strength < 0),
        seen={user: frozenset(items) for user, items in histories.items()},
    )


def _history(place: int, items: int, groups: int, drawn: random.Random) -> list[str]:
    events = drawn.randint(_FEWEST_EVENTS, _MOST_EVENTS)
    return list(dict.fromkeys(taste_of(place, items, groups, drawn) for _ in range(events)))


def _record(
    engine: Engine,
    histories: dict[str, list[str]],
    item_nos: dict[str, ItemNo],
    view: KindNo,
    drawn: random.Random,
) -> None:
    now = datetime.now(UTC)
    events = [
        NewEvent(
            event_id=uuid.UUID(int=drawn.getrandbits(128), version=4),
            user_id=UserId(user),
            item_no=item_nos[item],
            kind_no=view,
            value=None,
            occurred_at=now - timedelta(days=_DAYS * drawn.random(), minutes=5),
        )
        for user, items in histories.items()
        for item in items
    ]
    for start in range(0, len(events), _CHUNK):
        with engine.begin() as connection:
            chunk = record_parameters(events[start : start + _CHUNK])
            connection.execute(_LOG["record_events"], chunk)
