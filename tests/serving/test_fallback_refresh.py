"""A refresh of the fallback, while other things happen."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, text, update

from domain.blend import BlendPolicy
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemId
from serving.answering.schemas import written_filter
from serving.candidates.filters import EVERYTHING, Filters
from serving.container import Container
from serving.fallback import category_fallback, fallback_catalogue
from serving.fallback.category_fallback import CategoryFallback, FallbackReader
from serving.lists.recommendation_list import AppliedPolicy, RecommendationList
from serving.runtime.budget import Budget, spending
from serving.runtime.metrics import ServingMetrics
from serving.settings import ServingSettings
from tests import tables
from tests.serving.conftest import Seeds
from tests.serving.locking import waiting
from tests.statements import noticed

NO_LIST = RecommendationList("popular", None, AppliedPolicy.of_no_source(BlendPolicy()), ())


@pytest.fixture
async def container(database_url: str, redis_url: str) -> AsyncIterator[Container]:
    settings = ServingSettings(database_url=database_url, redis_url=redis_url)
    container = Container(settings, ServingMetrics())
    yield container
    await container.store.close()
    await container.redis.close()


@contextmanager
def lists_of_categories_locked(engine: Engine) -> Iterator[None]:
    """Whoever reads the first items of each category has to wait; the popular list is read."""
    with engine.connect() as locker:

        def lock(statement: str, _parameters: Any) -> None:
            if "max(score) as best" in statement and not locker.in_transaction():
                locker.execute(text("lock table popular_items in access exclusive mode"))

        with noticed(lock):
            yield
        assert locker.in_transaction()


def change(seeds: Seeds, film: int, **values: object) -> None:
    item_no = seeds.film_nos[film]
    seeds.write(update(tables.items).where(tables.items.c.item_no == item_no).values(**values))


async def test_what_changes_while_a_refresh_reads_is_not_taken_back_by_it(
    container: Container, seeds: Seeds
) -> None:
    seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})
    fallback = container.fallback
    for milliseconds in range(0, 40, 2):
        change(seeds, 0, available=True)
        change(seeds, 1, categories=["war"])
        await fallback.refresh()
        assert {"film-0", "film-1"} <= {item.item_id for item in fallback.top(30).items}
        refresh = asyncio.create_task(fallback.refresh())
        await asyncio.sleep(milliseconds / 1000)
        change(seeds, 0, available=False)
        fallback.leave_out(ItemId("film-0"))
        change(seeds, 1, categories=["noir"])
        fallback.update_categories(ItemId("film-1"), ["noir"])
        await refresh
        assert "film-0" not in {item.item_id for item in fallback.top(30).items}
        assert not fallback.top(1, filters=Filters.of_category("war")).items
        assert fallback.top(1, filters=Filters.of_category("noir")).items[0].item_id == "film-1"


async def answers_of_a_new_process(
    container: Container, filters: Sequence[Filters]
) -> list[RecommendationList]:
    other = Container(container.settings, ServingMetrics())
    try:
        await other.fallback.refresh()
    finally:
        await other.store.close()
        await other.redis.close()
    return [other.fallback.answer(100, filters=each) for each in filters]


async def test_after_any_change_a_refresh_answers_what_a_new_process_would(
    container: Container, seeds: Seeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All is read each time, and the other films as items of their categories.
    for module, name in (
        (fallback_catalogue, "_DOCUMENT_SECONDS"),
        (category_fallback, "_REST_SECONDS"),
        (category_fallback, "_RESTS"),
    ):
        monkeypatch.setattr(module, name, 0.0)
    monkeypatch.setattr(container.fallback, "_most", 10)
    scores = [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos[:10])]
    seeds.run(popular={"": scores, "war": scores[:5]})
    of_1990 = EVERYTHING.also(written_filter("year=1990"))
    filters = (EVERYTHING, Filters.of_category("war"), of_1990)
    changes: Sequence[Mapping[str, object]] = (
        {"attributes": {"year": 1980}},
        {"title": "Another"},
        {"categories": ["war"]},
        {"available": False},
        {"available": True},
        {"attributes": {"year": 1990, "expire_at": "2999-01-01T00:00:00Z"}},
        {"attributes": {"year": 1980}},
        {"attributes": {"year": 1990}},
    )
    fallback = container.fallback
    for film, values in product((0, 25), changes):
        change(seeds, film, **values)
        await fallback.refresh()
        items, expected = fallback._items, await answers_of_a_new_process(container, filters)
        assert [fallback.answer(100, filters=each) for each in filters] == expected
        await fallback.refresh()
        assert fallback._items is items
        assert [fallback.answer(100, filters=each) for each in filters] == expected


async def test_an_item_is_shown_until_it_expires_as_was_read_last(
    container: Container, seeds: Seeds
) -> None:
    def expire(films: Sequence[int], at: datetime) -> None:
        for film in films:
            change(seeds, film, attributes={"expire_at": at.isoformat()})

    def shown() -> set[str]:
        films = {"film-0", "film-1", "film-2"}
        return films & {item.item_id for item in container.fallback.top(30).items}

    seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})
    soon = datetime.now(UTC) + timedelta(seconds=2)
    later = soon + timedelta(hours=1)
    for films, at in (((0, 1), later), ((2,), soon), ((0,), soon), ((2,), later)):
        expire(films, at)
        await container.fallback.refresh()
    await asyncio.sleep((soon - datetime.now(UTC)).total_seconds() + 0.05)
    assert shown() == {"film-1", "film-2"}
    expire([0], later)
    await container.fallback.refresh()
    assert shown() == {"film-0", "film-1", "film-2"}


async def test_a_copy_that_redis_has_lost_is_there_after_the_next_refresh(
    container: Container, seeds: Seeds, redis_url: str
) -> None:
    seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})
    with redis.Redis.from_url(redis_url) as store:
        await container.fallback.refresh()
        copy = store.get("tandem:fallback:popular")
        assert copy
        store.delete("tandem:fallback:popular", "tandem:fallback:popular-digest")
        await container.fallback.refresh()
        assert store.get("tandem:fallback:popular") == copy


@pytest.mark.parametrize("refreshes", [0, 1])
async def test_the_copy_has_its_digest_though_an_item_goes_while_redis_is_asked_for_it(
    container: Container,
    seeds: Seeds,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    refreshes: int,
) -> None:
    seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})
    fallback, ask, asked = container.fallback, container.redis.ask, list[Any]()

    async def ask_while_an_item_goes(*command: Any) -> Any:
        fallback.leave_out(ItemId("film-0"))
        asked.append(await ask(*command))
        return asked[-1]

    with redis.Redis.from_url(redis_url) as store:
        for _ in range(refreshes):
            await fallback.refresh()
        store.delete("tandem:fallback:popular", "tandem:fallback:popular-digest")
        monkeypatch.setattr(container.redis, "ask", ask_while_an_item_goes)
        await fallback.refresh()
        copy = store.get("tandem:fallback:popular")
        assert asked == [0]
        assert isinstance(copy, bytes)
        assert store.get("tandem:fallback:popular-digest") == hashlib.blake2b(copy).digest()


async def test_a_catalogue_read_in_small_pages_is_known_wholly(
    container: Container, seeds: Seeds
) -> None:
    for film in range(30):
        change(seeds, film, categories=[f"category {film % 7}"] if film % 5 else [])
    change(seeds, 3, available=False)
    categories = CategoryFallback(FallbackReader(container.store), most=100, page_items=4)
    found = await categories.load(NO_LIST)
    assert {item.item_id for item in found.items} == {f"film-{n}" for n in range(30)} - {"film-3"}
    assert found.incomplete_categories == set()
    categories.invalidate(["category 1"])
    assert (await categories.load(NO_LIST)).incomplete_categories == {"category 1"}


async def test_what_changes_while_the_catalogue_is_read_may_have_been_missed(
    container: Container, seeds: Seeds, engine: Engine
) -> None:
    categories = CategoryFallback(FallbackReader(container.store), most=100, page_items=1)
    with engine.begin() as locker:
        locker.execute(text("lock table items in access exclusive mode"))
        load = asyncio.create_task(categories.load(NO_LIST))
        await waiting(engine, 1)
        categories.invalidate(["new"])
    found = await load
    while found.incomplete_categories is None:
        found = await categories.load(NO_LIST)
    assert "new" in found.incomplete_categories


async def test_a_popular_item_that_left_its_category_is_not_among_the_first_of_it(
    container: Container, seeds: Seeds
) -> None:
    no = seeds.film_nos
    seeds.write(text("update items set categories = '{war}'"))
    run_id = seeds.run(popular={"war": [(no[n], 9.0 - n) for n in range(5)]})
    change(seeds, 0, categories=["noir"])
    change(seeds, 1, available=False)
    catalogue = FallbackReader(container.store)
    (first,) = await catalogue.load_first_of_categories(run_id, items=3)
    assert first.scores == {no[2]: 7.0}
    (first,) = await catalogue.load_first_of_categories(run_id, items=9)
    assert list(first.scores) == [no[2], no[3], no[4]]


async def test_a_category_that_is_null_is_none(container: Container, seeds: Seeds) -> None:
    change(seeds, 0, categories=[None])
    change(seeds, 1, categories=["war", None])
    categories = CategoryFallback(FallbackReader(container.store), most=100)
    found = {item.item_id: item.categories for item in (await categories.load(NO_LIST)).items}
    assert (found[ItemId("film-0")], found[ItemId("film-1")]) == ((), ("war",))


async def test_a_popular_list_without_categories_is_better_than_none_but_not_than_another(
    container: Container, seeds: Seeds, engine: Engine, redis_url: str
) -> None:
    seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})
    fallback = container.fallback
    with redis.Redis.from_url(redis_url) as store:
        with lists_of_categories_locked(engine):
            await fallback.refresh()
        assert fallback.top(1).items[0].item_id == "film-0"
        with pytest.raises(StoreUnavailableError):
            fallback.answer(1, filters=Filters.of_category("nowhere"))
        assert not store.exists("tandem:fallback:popular")
        with lists_of_categories_locked(engine), pytest.raises(StoreUnavailableError):
            await fallback.refresh()
        await fallback.refresh()
        assert not fallback.answer(1, filters=Filters.of_category("nowhere")).items
        assert store.exists("tandem:fallback:popular")


async def test_a_page_of_the_catalogue_that_takes_too_long_is_halved(
    container: Container, seeds: Seeds, engine: Engine
) -> None:
    asked = list[int]()

    def note(_statement: str, parameters: Any) -> None:
        if isinstance(parameters, dict) and "before" in parameters:
            asked.append(parameters["items"])

    categories = CategoryFallback(FallbackReader(container.store), most=100, page_items=1500)
    with noticed(note):
        with engine.begin() as locker:
            locker.execute(text("lock table items in access exclusive mode"))
            for _ in range(3):
                with (
                    spending(Budget.of("background", 0.3, probing=True)),
                    pytest.raises(StoreUnavailableError),
                ):
                    await categories.load(NO_LIST)
        with spending(Budget.of("background", 20.0, probing=True)):
            await categories.load(NO_LIST)
    # One that is given up before it is sent is not seen here.
    assert (asked[0], asked[-1]) == (1500, 500)
    assert asked == sorted(asked, reverse=True)
