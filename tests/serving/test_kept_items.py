"""The nearest of the items that a process keeps are the best of all of them, in their order."""

from datetime import UTC, datetime

import numpy as np
import pytest

from domain.identifiers import Position, RunId
from domain.rankings import Ranking
from serving.candidates.catalogue_items import NO_COLUMNS, Columns, Named
from serving.candidates.kept_items import BesideMemory, KeptCatalogue, KeptItems, ShownItem

DIMENSIONS = 7
NOTHING_BESIDE = BesideMemory(
    is_outdated=False, touched={}, embedded=Ranking.empty(), new=NO_COLUMNS
)


def kept(random: np.random.Generator, items: int) -> KeptItems:
    """Items of which some are hidden, and many have equal vectors."""
    item_nos = np.sort(random.choice(5 * items, items, replace=False)).astype(np.int32)
    names = [f"item-{no}" for no in item_nos]
    shown = random.random(items) < 0.9
    categories = [["war"]] * items
    catalogue = KeptCatalogue(
        Position(1), datetime.now(UTC), item_nos, names, names, categories, shown
    )
    distinct = random.normal(size=(items // 2 + 1, DIMENSIONS)).astype(np.float32)
    vectors = distinct[random.integers(0, len(distinct), items)]
    return KeptItems.of(RunId(1), catalogue, item_nos, vectors)


def beside_memory(random: np.random.Generator, items: KeptItems) -> BesideMemory:
    """Items that came, and of the others some that changed or got another vector."""
    came = items.item_nos.max() + 1 + np.arange(len(items.item_nos) // 10, dtype=np.int32)
    changed = random.choice(items.item_nos, len(items.item_nos) // 5, replace=False)
    touched = {
        no: ShownItem(f"item-{no}", "", [], bool(random.random() < 0.7))
        for no in (*came.tolist(), *changed.tolist())
    }
    others = random.choice(items.item_nos, len(items.item_nos) // 5, replace=False)
    embedded = np.concatenate([came, others])
    products = random.normal(size=len(embedded))
    return BesideMemory(
        is_outdated=False,
        touched=touched,
        embedded=Ranking.of(embedded, products),
        new=NO_COLUMNS,
        came=True,
    )


def check_nearest(
    random: np.random.Generator, items: KeptItems, beside: BesideMemory, most: int
) -> None:
    """What is nearest to a vector is what looking at each item finds."""
    vector = random.normal(size=DIMENSIONS).astype(np.float32)
    excluded = random.choice(items.item_nos, len(items.item_nos) // 4, replace=False)
    gaining = random.choice(items.item_nos, len(items.item_nos) // 5, replace=False)
    following = Ranking.of(gaining, random.random(len(gaining)))
    gains = dict(zip(following.item_nos.tolist(), following.scores.tolist(), strict=True))
    products = [float(row @ vector) for row in items.vectors]
    known = dict(zip(items.item_nos.tolist(), products, strict=True))
    embedded = beside.embedded
    known |= zip(embedded.item_nos.tolist(), embedded.scores.tolist(), strict=True)
    shown = dict(zip(items.item_nos.tolist(), items.catalogue.shown.tolist(), strict=True))
    shown |= {no: item.shown for no, item in beside.touched.items()}
    expected = sorted(
        (-(score + gains.get(no, 0.0)), no)
        for no, score in known.items()
        if no not in excluded and shown[no]
    )[:most]
    found = items.nearest(vector, following, excluded, beside, most)
    assert found.item_nos.tolist() == [no for _, no in expected]
    assert found.scores.tolist() == [-score for score, _ in expected]


@pytest.mark.parametrize("seed", range(40))
def test_the_nearest_are_the_best_of_all_however_many_there_are(seed: int) -> None:
    random = np.random.default_rng(seed)
    items = kept(random, int(random.integers(1, 400)))
    check_nearest(random, items, NOTHING_BESIDE, int(random.integers(1, 40)))


@pytest.mark.parametrize("seed", range(40))
def test_the_nearest_of_many_are_the_best_with_what_the_memory_does_not_know(seed: int) -> None:
    random = np.random.default_rng(seed)
    most = int(random.integers(1, 40))
    items = kept(random, int(random.integers(4 * most, 12 * most)))
    beside = beside_memory(random, items)
    assert items.covers(beside)
    check_nearest(random, items, beside, most)


def test_items_are_named_by_whichever_source_has_them() -> None:
    first = Columns([4, 9], [None] * 2, ["a", "b"], ["A", "B"], [["war"], None])
    others = Columns([7, 1], [None] * 2, ["z", "x"], ["Z", "X"], [None] * 2)
    items = Named([NO_COLUMNS, first, NO_COLUMNS, others])
    found = {no: items.texts(no) for no in (9, 1, 7, 4)}
    assert found == {
        9: ("b", "B", ()),
        1: ("x", "X", ()),
        7: ("z", "Z", ()),
        4: ("a", "A", ("war",)),
    }
    assert items[4].categories == ("war",)
    assert 7 in items
    assert 2 not in items


@pytest.mark.parametrize("seed", range(20))
def test_what_may_be_in_a_list_is_what_may_be_shown_and_is_not_excluded(seed: int) -> None:
    random = np.random.default_rng(seed)
    items = kept(random, int(random.integers(40, 400)))
    beside = beside_memory(random, items) if seed % 2 else NOTHING_BESIDE
    excluded = random.choice(items.item_nos, len(items.item_nos) // 4, replace=False)
    eligible = items.eligible(excluded, beside, with_categories=True)
    asked = np.arange(1, 5 * len(items.item_nos) + 100, dtype=np.int32)
    shown = dict(zip(items.item_nos.tolist(), items.catalogue.shown.tolist(), strict=True))
    shown |= {no: item.shown for no, item in beside.touched.items()}
    expected = [shown.get(no, False) and no not in excluded for no in asked.tolist()]
    assert eligible.among(asked).tolist() == expected
    assert [no in eligible for no in asked.tolist()] == expected
    named = Named(eligible=eligible)
    for no in asked[expected].tolist():
        categories = () if no in beside.touched else ("war",)
        title = "" if no in beside.touched else f"item-{no}"
        assert named.texts(no) == (f"item-{no}", title, categories)
