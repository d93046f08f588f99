"""GET /v1/admin/diagnose, on a real database and a real Redis."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import redis
from sqlalchemy import Engine, func, insert, select, text, update

from serving.diagnosis.diagnosis_figures import load_figures
from sql.locks import NIGHT, session_lock
from tests import tables
from tests.events import DISLIKE, HIDE, event, record, user_no_of
from tests.serving.conftest import Gate, OwnRedis, Seeds, Start, recommended, until
from tests.serving.diagnosing import diagnosed, finding, published, severity, start_for_admin


@pytest.fixture
async def admin(start: Start, seeds: Seeds) -> httpx.AsyncClient:
    return await start_for_admin(start, seeds)


async def test_a_system_that_is_well_has_no_problem(
    admin: httpx.AsyncClient, engine: Engine, film_nos: list[int], speed_worker: None
) -> None:
    run_id = published(engine, film_nos)
    found = await diagnosed(admin)
    assert found["well"] is True
    by_check = {finding["check"]: finding for finding in found["findings"]}
    assert {
        name: finding
        for name, finding in by_check.items()
        if finding["severity"] != "ok" and name not in {"gate", "freshness"}
    } == {}
    assert by_check["items"]["what"] == "There are 30 items."
    assert by_check["events"]["what"].startswith("There are 3 events")
    assert f"Run {run_id} is served" in by_check["run"]["what"]


async def test_an_empty_system_says_what_is_missing_the_worst_first(
    admin: httpx.AsyncClient, seeds: Seeds, speed_worker: None
) -> None:
    seeds.write(tables.items.delete())
    found = await diagnosed(admin)
    assert found["well"] is False
    problems = [
        finding["check"] for finding in found["findings"] if finding["severity"] == "problem"
    ]
    assert problems == ["items", "events", "run"]
    assert problems == [finding["check"] for finding in found["findings"]][:3]
    assert all(
        finding["advice"] for finding in found["findings"] if finding["severity"] == "problem"
    )


async def test_events_of_negative_kinds_alone_are_nothing_to_learn_from(
    admin: httpx.AsyncClient, engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0], kind_no=kind) for kind in (DISLIKE, HIDE)])
    assert "None of 2 events speaks for an item" in (await finding(admin, "events"))["what"]
    with engine.begin() as connection:
        record(connection, [event("bob", film_nos[0])])
    assert "Only 1 user" in (await finding(admin, "events"))["what"]
    with engine.begin() as connection:
        record(connection, [event("eve", film_nos[0])])
    assert await severity(admin, "events") == "ok"


async def test_a_speed_worker_that_is_behind_is_reported_until_it_has_caught_up(
    start: Start, seeds: Seeds, engine: Engine
) -> None:
    client = await start_for_admin(start, seeds, diagnose_speed_seconds=0.001)
    run_id = published(engine, seeds.film_nos)
    assert await severity(client, "speed") == "ok"
    with engine.begin() as connection:
        record(connection, [event("ann", no) for no in seeds.film_nos[:5]])
        record(connection, [event("bob", no) for no in seeds.film_nos[:2]])
        shard = user_no_of(connection, "bob") % 8
    behind = await finding(client, "speed")
    assert behind["severity"] == "problem"
    assert "behind by 7 events" in behind["what"]
    assert behind["since"] is not None
    progress = tables.speed_progress
    caught_up = update(progress).where(progress.c.run_id == run_id).values(
        position=select(func.max(tables.interactions.c.position)).scalar_subquery()
    )  # fmt: skip
    seeds.write(caught_up.where(progress.c.shard == shard))
    assert "behind by 5 events" in (await finding(client, "speed"))["what"], "bob's are folded in"
    seeds.write(caught_up)
    assert await severity(client, "speed") == "ok"


async def test_events_behind_a_writer_that_does_not_end_are_not_blamed_on_the_worker(
    start: Start, seeds: Seeds, engine: Engine
) -> None:
    client = await start_for_admin(start, seeds, diagnose_speed_seconds=0.001)
    published(engine, seeds.film_nos)
    with engine.connect() as slow, engine.begin() as quick:
        record(slow, [event("ann", seeds.film_nos[0])])
        record(quick, [event("bob", seeds.film_nos[0])])
        quick.commit()
        held = await finding(client, "speed")
        assert held["severity"] == "notice"
        assert "1 event cannot be folded in yet" in held["what"]
        slow.rollback()


async def test_nights_that_were_refused_or_died_are_reported_with_their_reason(
    admin: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    published(engine, seeds.film_nos)
    new_run = insert(tables.model_runs)
    now = func.now()
    seeds.write(
        new_run.values(
            state="refused", cut_off_position=0, cut_off_at=now, finished_at=now, reason="Worse."
        )
    )
    refused = await finding(admin, "night")
    assert refused["severity"] == "problem"
    assert "was refused: Worse." in refused["what"]
    assert refused["since"] is not None
    seeds.write(new_run.values(cut_off_position=0, cut_off_at=now))
    assert "died before the run ended" in (await finding(admin, "night"))["what"]
    with engine.connect() as night:
        with session_lock(night, NIGHT) as is_held:
            assert is_held
            running = await finding(admin, "night")
        assert running["severity"] == "notice"
        assert "A night is running" in running["what"]


async def test_a_run_that_is_old_by_its_cut_off_is_reported(
    start: Start, seeds: Seeds, engine: Engine
) -> None:
    client = await start_for_admin(start, seeds, diagnose_run_days=1e-9)
    published(engine, seeds.film_nos)
    assert await severity(client, "run") == "problem"


async def test_a_database_of_another_revision_is_reported(
    admin: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.write(text("update alembic_version set version_num = '0002'"))
    found = await finding(admin, "migrations")
    assert found["severity"] == "problem"
    assert "0002" in found["what"]


async def test_with_postgresql_away_the_answer_is_a_finding_and_not_an_error(
    admin: httpx.AsyncClient, gate: Gate
) -> None:
    assert await severity(admin, "postgres") == "ok"
    gate.shut()
    assert await severity(admin, "postgres") == "problem"
    assert await severity(admin, "redis") == "ok"
    gate.open()

    async def back() -> bool:
        return await severity(admin, "postgres") == "ok"

    await until(back)


async def test_redis_away_is_reported_and_since_when(
    start: Start, seeds: Seeds, own_redis: OwnRedis
) -> None:
    client = await start_for_admin(start, seeds, "read", redis_url=own_redis.url)
    seeds.user("ann")
    assert await severity(client, "redis") == "ok"
    own_redis.kill()

    async def is_reported() -> bool:
        await recommended(client, "ann")
        return (await finding(client, "redis"))["since"] is not None

    await until(is_reported)
    assert await severity(client, "redis") == "problem"
    own_redis.start()

    async def back() -> bool:
        return await severity(client, "redis") == "ok"

    await until(back)


async def test_impressions_that_were_dropped_are_reported(start: Start, seeds: Seeds) -> None:
    client = await start(impression_queue=1, impression_flush_seconds=3600)
    for _ in range(3):
        await recommended(client, "ann")
    client.headers["X-API-Key"] = seeds.key("admin", name="operator")
    dropped = await finding(client, "impressions")
    assert dropped["severity"] == "problem"
    assert dropped["what"].startswith("2 impressions could not be written")


async def test_only_the_scope_admin_may_ask(client: httpx.AsyncClient) -> None:
    refused = await client.get("/v1/admin/diagnose")
    assert refused.status_code == 403
    assert "scope admin" in refused.json()["detail"]


async def test_event_kinds_of_which_none_is_positive_are_reported(
    admin: httpx.AsyncClient, seeds: Seeds, engine: Engine, film_nos: list[int]
) -> None:
    published(engine, film_nos)
    seeds.write(update(tables.event_kinds).values(weight=0.0))
    assert "No event kind is positive" in (await finding(admin, "events"))["what"]


async def test_events_that_have_not_happened_yet_are_reported(
    admin: httpx.AsyncClient, engine: Engine, film_nos: list[int]
) -> None:
    published(engine, film_nos)
    assert await severity(admin, "times") == "ok"
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with engine.begin() as connection:
        record(connection, [replace(event("ann", no), occurred_at=tomorrow) for no in film_nos[:1]])
    assert await severity(admin, "times") == "notice"
    with engine.begin() as connection:
        record(connection, [replace(event("ann", no), occurred_at=tomorrow) for no in film_nos[1:]])
    found = await finding(admin, "times")
    assert found["severity"] == "problem"
    assert "Of the newest 33 events, 30 lie in the future" in found["what"]


async def test_items_of_which_nothing_is_known_but_an_id_are_reported(
    admin: httpx.AsyncClient, seeds: Seeds
) -> None:
    assert await severity(admin, "words") == "ok"
    items = tables.items
    mute = [{"item_id": f"no-{n}", "title": f"no-{n}"} for n in range(29)]
    seeds.write(insert(items).values(mute))
    seeds.write(insert(items).values(item_id="punctuation", title="?!"))
    found = await finding(admin, "words")
    assert found["severity"] == "notice"
    assert "Of the newest 60 items, 30 have no words" in found["what"]
    seeds.write(update(items).where(items.c.item_id == "no-1").values(categories=["film"]))
    assert await severity(admin, "words") == "ok"


def test_the_indexes_of_the_log_and_what_there_is_to_hold_them_are_measured(
    engine: Engine, film_nos: list[int]
) -> None:
    def sizes() -> tuple[int, int]:
        with engine.begin() as connection:
            contents = load_figures(connection).contents
        assert contents is not None
        return contents.buffer_bytes, contents.log_index_bytes

    buffers, empty = sizes()
    with engine.begin() as connection:
        record(connection, [event(f"user-{no}", film_nos[0]) for no in range(2_000)])
        pages = connection.execute(
            text("select setting::bigint from pg_settings where name = 'shared_buffers'")
        ).scalar_one()
    assert sizes()[0] == buffers == pages * 8192
    # An event has an entry in five indexes, each of ten bytes at the least.
    assert sizes()[1] - empty > 2_000 * 5 * 10


async def test_that_no_night_has_begun_for_long_is_reported(
    start: Start, seeds: Seeds, engine: Engine
) -> None:
    client = await start_for_admin(start, seeds, diagnose_night_hours=1.0)
    published(engine, seeds.film_nos)
    assert await severity(client, "night") == "ok"
    seeds.write(text("update model_runs set finished_at = finished_at - interval '2 hours'"))
    found = await finding(client, "night")
    assert found["severity"] == "problem"
    assert "2 hours ago, and none has begun since" in found["what"]


async def test_a_process_that_does_not_hear_the_others_is_reported(
    start: Start, seeds: Seeds, engine: Engine
) -> None:
    client = await start_for_admin(start, seeds, diagnose_speed_seconds=1e-6)

    async def connected() -> bool:
        return await severity(client, "subscription") == "ok"

    async def is_disconnected() -> bool:
        with engine.begin() as connection:
            connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'tandem-follower' and datname = current_database()"
                )
            )
        return not await connected()

    await until(connected)
    await until(is_disconnected)
    await until(connected)


async def test_a_redis_that_refuses_to_keep_anything_is_reported(
    start: Start, seeds: Seeds, own_redis: OwnRedis
) -> None:
    client = await start_for_admin(start, seeds, "read", redis_url=own_redis.url)
    seeds.user("ann")
    assert await severity(client, "redis") == "ok"
    with redis.Redis.from_url(own_redis.url) as full:
        full.config_set("maxmemory", 1)
    await recommended(client, "ann")
    found = await finding(client, "redis")
    assert found["severity"] == "problem"
    assert "maxmemory" in found["what"]
    assert found["since"] is not None


async def test_why_a_store_is_left_alone_is_reported(
    start: Start, seeds: Seeds, gate: Gate
) -> None:
    client = await start_for_admin(start, seeds, "read")
    await recommended(client, "ann")
    gate.shut()
    assert "PostgreSQL is away: " in (await finding(client, "postgres"))["what"]

    async def left_alone() -> bool:
        return "leaves PostgreSQL alone" in (await finding(client, "postgres"))["what"]

    await until(left_alone)
    assert (await finding(client, "postgres"))["since"] is not None
