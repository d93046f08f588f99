"""The synthetic dataset: users at home in one of several groups of items, and what they did."""

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from domain.identifiers import ItemNo, KindNo, UserId
from sql.log import NewEvent, load_kinds, record_parameters
from sql.statements import statements, statements_in
from tests.chaos.options import ChaosOptions

PROBED_USERS = 40
"""The last users: only those who measure recovery act for them."""

_CHAOS = statements_in(Path(__file__).with_name("chaos.sql"))
_LOG = statements("log")
_FEWEST_EVENTS, _MOST_EVENTS = 12, 40
_DAYS = 60.0
_AT_HOME = 0.85
"""Share of a user's interactions with items of their own group."""
_CHUNK = 5_000
_NOUNS = (
    "robot", "garden", "harbour", "castle", "jazz", "desert", "dragon", "kitchen", "planet",
    "winter",
)  # fmt: skip
"""What the items of a group have in their titles."""
_ADJECTIVES = (
    "amber", "bitter", "crooked", "distant", "empty", "frozen", "golden", "hidden", "iron",
    "jagged", "lonely", "mellow", "nimble", "painted", "quiet", "rusty", "silver", "tender",
    "velvet", "wooden",
)  # fmt: skip
_ENDINGS = ("atlas", "ballad", "riddle")


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the load draws from."""

    users: tuple[str, ...]
    probed: tuple[str, ...]
    item_nos: dict[str, ItemNo]
    kinds: dict[str, KindNo]
    marking: frozenset[str]
    """Kinds after which the item is not recommended to the user again."""
    seen: dict[str, frozenset[str]]
    """What each user had seen before the load began."""
    titles: dict[str, str]
    categories: dict[str, str]
    """The one category of each item."""

    @property
    def all_categories(self) -> list[str]:
        """Each once."""
        return list(dict.fromkeys(self.categories.values()))

    @property
    def words(self) -> list[str]:
        """All words of all titles, in lower case, each once."""
        return list(dict.fromkeys(" ".join(self.titles.values()).lower().split()))

    @property
    def vocabulary(self) -> list[str]:
        """What users may declare: words of titles, and categories."""
        return [*self.words, *self.all_categories]


def taste_of(user_index: int, items: int, groups: int, drawn: random.Random) -> str:
    """An item the user is likely to take: popular ones first, mostly of the user's group."""
    group = user_index % groups if drawn.random() < _AT_HOME else drawn.randrange(groups)
    rank = int(items // groups * drawn.random() ** 2)
    return f"item-{rank * groups + group}"


def category_of(item_index: int, groups: int) -> str:
    """The category of an item: its group."""
    return f"group-{item_index % groups}"


def title_of(item_index: int, groups: int) -> str:
    """Two or three words: one of the item's group, the others of items of several groups."""
    group, rank = item_index % groups, item_index // groups
    words = [_ADJECTIVES[(rank + 7 * group) % len(_ADJECTIVES)], _NOUNS[group % len(_NOUNS)]]
    if rank % 2:
        words.append(_ENDINGS[(rank // 2) % len(_ENDINGS)])
    return " ".join(words).title()


def make_dataset(engine: Engine, options: ChaosOptions) -> Dataset:
    """Make the items and the history of the users in the store."""
    drawn = random.Random(options.seed)
    indexes = range(options.items // options.groups * options.groups)
    titles = {f"item-{index}": title_of(index, options.groups) for index in indexes}
    categories = {f"item-{index}": category_of(index, options.groups) for index in indexes}
    with engine.begin() as connection:
        rows = {
            "item_ids": list(titles),
            "titles": list(titles.values()),
            "categories": list(categories.values()),
        }
        connection.execute(_CHAOS["store_items"], rows)
        item_nos = {row.item_id: row.item_no for row in connection.execute(_CHAOS["load_item_nos"])}
        kinds = load_kinds(connection).kinds
    by_name = {kind.kind: kind for kind in kinds}
    users = tuple(f"user-{index}" for index in range(options.users))
    histories = {
        user: _history(index, len(item_nos), options.groups, drawn)
        for index, user in enumerate(users)
    }
    _record(engine, histories, item_nos, by_name["view"].kind_no, drawn)
    return Dataset(
        users=users[:-PROBED_USERS],
        probed=users[-PROBED_USERS:],
        item_nos=item_nos,
        kinds={name: kind.kind_no for name, kind in by_name.items()},
        marking=frozenset(kind.kind for kind in kinds if kind.marks_seen or kind.weight < 0),
        seen={user: frozenset(items) for user, items in histories.items()},
        titles=titles,
        categories=categories,
    )


def _history(index: int, items: int, groups: int, drawn: random.Random) -> list[str]:
    events = drawn.randint(_FEWEST_EVENTS, _MOST_EVENTS)
    return list(dict.fromkeys(taste_of(index, items, groups, drawn) for _ in range(events)))


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
