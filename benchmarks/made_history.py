"""A made-up history in memory: few users and items have most of the events, as in made-up files."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.content.words import ItemTerms
from batch.history.interactions import Interactions
from domain.identifiers import KindNo
from domain.interactions import EventKind, KindTable

KINDS = KindTable(
    (
        EventKind(KindNo(1), "view", 1.0, marks_seen=True),
        EventKind(KindNo(2), "click", 0.5, marks_seen=False),
        EventKind(KindNo(3), "purchase", 4.0, marks_seen=True),
    )
)
_SHARES = (0.8, 0.15, 0.05)
_TASTES = 20
_SHARE_OF_TASTE = 0.8
_FIRST, _LAST = 1_500_000_000_000_000, 1_600_000_000_000_000
_AT_ONCE = 1_000_000
_UNUSED_ITEMS = 50


def made_history(*, users: int, items: int, events: int, seed: int) -> Interactions:
    """As `benchmarks.made_events` writes it into a file, in the order of time."""
    rng = np.random.default_rng(seed)
    user_nos, item_nos = (np.empty(events, dtype=np.int32) for _ in range(2))
    kind_nos, occurred_at = np.empty(events, np.int16), np.empty(events, np.int64)
    for start in range(0, events, _AT_ONCE):
        part = slice(start, min(start + _AT_ONCE, events))
        count = part.stop - part.start
        user_nos[part] = _drawn(rng, users, count)
        taste = (user_nos[part] % _TASTES) * (items // _TASTES)
        of_taste = rng.random(count) < _SHARE_OF_TASTE
        item_nos[part] = (_drawn(rng, items, count) + of_taste * taste) % items
        kind_nos[part] = rng.choice(np.array([1, 2, 3], np.int16), count, p=_SHARES)
        span = (_LAST - _FIRST) / events
        moments = rng.uniform(_FIRST + span * part.start, _FIRST + span * part.stop, count)
        occurred_at[part] = np.sort(moments)
    user_nos += 1
    item_nos += 1
    strengths = np.full(events, np.nan, dtype=np.float32)
    times = occurred_at.view("datetime64[us]")
    return Interactions(KINDS, user_nos, item_nos, kind_nos, strengths, times)


def made_terms(items: int) -> ItemTerms:
    """A term for every hundred items, and some items that nobody has used."""
    count = items + _UNUSED_ITEMS
    item_nos = np.arange(1, count + 1, dtype=np.int32)
    columns = np.arange(count) // 100
    terms = tuple(f"term{number}" for number in range(int(columns[-1]) + 1))
    weights = csr_matrix((np.ones(count), (np.arange(count), columns)), (count, len(terms)))
    return ItemTerms(item_nos, terms, weights)


def _drawn(rng: np.random.Generator, most: int, count: int) -> NDArray[np.int32]:
    drawn = np.minimum(rng.lognormal(0.0, 1.5, count) * most / 20, most - 1)
    return drawn.astype(np.int32)
